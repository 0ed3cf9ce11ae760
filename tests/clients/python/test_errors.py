"""Every class of error that the official client knows, and the envelope that it reads."""

import asyncio
import json
import unittest

import openai
from support import (
    ACCESS_TOKEN,
    BASE_URL,
    CONFIGURED,
    HELLO,
    KEY,
    SERVER,
    SHORT_BASE_URL,
    a_key,
    async_client,
    client,
    create,
    raw,
    seen,
)

ENVELOPE = {"message", "type", "param", "code"}


class Ours(unittest.TestCase):
    """Errors of the server itself."""

    def test_a_wrong_key_is_an_authentication_error(self):
        for key in ("sk-cg-wrong", "nonsense", "a.b.c"):
            with self.subTest(key), self.assertRaises(openai.AuthenticationError) as caught:
                create(client(api_key=key), "echo")

            self.assertEqual(set(caught.exception.body), ENVELOPE)
            self.assertTrue(caught.exception.request_id)
            self.assertIn("Bearer", caught.exception.response.headers["www-authenticate"])

    def test_a_key_for_other_things_has_no_permission(self):
        key = a_key(BASE_URL, ACCESS_TOKEN, scopes=["models"])

        with self.assertRaises(openai.PermissionDeniedError) as caught:
            create(client(api_key=key), "echo:no-permission")

        self.assertEqual(caught.exception.code, "insufficient_scope")
        self.assertEqual(set(caught.exception.body), ENVELOPE)
        self.assertEqual(seen("echo:no-permission")["count"], 0)

    def test_a_model_that_the_key_may_not_use_is_not_found(self):
        key = a_key(BASE_URL, ACCESS_TOKEN, models=["echo"])

        answer = create(client(api_key=key), "echo")
        with self.assertRaises(openai.NotFoundError) as caught:
            create(client(api_key=key), "echo:not-mine")

        self.assertEqual(answer.choices[0].finish_reason, "stop")
        self.assertEqual((caught.exception.code, caught.exception.param), ("model_not_found", "model"))
        self.assertEqual(seen("echo:not-mine")["count"], 0)

    def test_a_body_past_all_measure_is_too_large(self):
        huge = [{"role": "user", "content": "x" * (33 * 1024 * 1024)}]

        with self.assertRaises(openai.APIStatusError) as caught:
            client().chat.completions.create(model="echo:huge", messages=huge)

        self.assertEqual(caught.exception.status_code, 413)
        self.assertEqual(set(caught.exception.body), ENVELOPE)
        self.assertEqual(seen("echo:huge")["count"], 0)

    def test_a_model_nobody_has_is_not_found_before_anybody_is_asked(self):
        for options in ({}, {"stream": True}):
            with self.subTest(options), self.assertRaises(openai.NotFoundError) as caught:
                create(client(**CONFIGURED), "nobody-has-it", **options)

            self.assertEqual(caught.exception.code, "model_not_found")
        self.assertEqual(seen("nobody-has-it")["count"], 0)

    def test_bad_types_are_bad_requests_and_cost_nothing(self):
        bad = ({"max_tokens": "many"}, {"max_tokens": -1}, {"stream": "yes"}, {"model": 5})
        for members in bad:
            with self.subTest(members), self.assertRaises(openai.BadRequestError) as caught:
                create(client(), "echo:bad-types", extra_body=members)

            self.assertEqual(set(caught.exception.body), ENVELOPE)
            self.assertEqual(caught.exception.type, "invalid_request_error")
        self.assertEqual(seen("echo:bad-types")["count"], 0)

    def test_broken_json_is_a_bad_request(self):
        for body in (b"{", b"", b"[]", b'{"model":"echo"} trailing', b"\xff"):
            with self.subTest(body):
                status, headers, answer = post(f"{BASE_URL}/chat/completions", body)

                self.assertEqual(status, 400)
                self.assertEqual(set(answer["error"]), ENVELOPE)
                self.assertTrue(headers["x-request-id"])

    def test_another_content_type_is_unsupported(self):
        status, _, answer = post(f"{BASE_URL}/chat/completions", b"model=echo", "text/plain")

        self.assertEqual(status, 415)
        self.assertEqual(set(answer["error"]), ENVELOPE)

    def test_an_unknown_route_is_not_found(self):
        with self.assertRaises(openai.NotFoundError) as caught:
            client(base_url=SHORT_BASE_URL).post("/no/such/route", cast_to=object, body={})

        self.assertEqual(set(caught.exception.body), ENVELOPE)

    def test_a_wrong_method_says_which_are_right(self):
        status, headers, answer = raw(
            "DELETE", f"{SERVER}/v1/chat/completions", headers={"Authorization": f"Bearer {KEY}"}
        )

        self.assertEqual(status, 405)
        self.assertIn("POST", headers["allow"])
        self.assertEqual(set(answer["error"]), ENVELOPE)


class Upstreams(unittest.TestCase):
    """Errors of the upstream, as the caller meets them."""

    def test_what_the_caller_did_wrong_passes_as_it_is(self):
        classes = {
            400: openai.BadRequestError,
            403: openai.PermissionDeniedError,
            404: openai.NotFoundError,
            409: openai.ConflictError,
            413: openai.APIStatusError,
            422: openai.UnprocessableEntityError,
        }
        for status, kind in classes.items():
            with self.subTest(status), self.assertRaises(kind) as caught:
                create(client(), f"status-{status}:python")

            self.assertEqual(caught.exception.status_code, status)
            self.assertEqual(set(caught.exception.body), ENVELOPE)
            self.assertEqual(seen(f"status-{status}:python")["count"], 1)
        self.assertEqual(caught.exception.code, "invalid_schema")
        self.assertEqual(caught.exception.param, "tools")

    def test_a_stream_that_is_refused_raises_at_once(self):
        with self.assertRaises(openai.BadRequestError):
            create(client(), "status-400:stream", stream=True)

    def test_a_model_that_is_late_times_out_on_our_side(self):
        for model, options in (("late", {"stream": True}), ("scripted/silent:total", {})):
            with self.subTest(model), self.assertRaises(openai.InternalServerError) as caught:
                create(client(**CONFIGURED), model, **options)

            self.assertEqual(caught.exception.status_code, 504)
            self.assertEqual(caught.exception.code, "upstream_timeout")

    def test_the_asynchronous_client_meets_the_same_errors(self):
        async def ask(model, **options):
            async with async_client() as asynchronous:
                await asynchronous.chat.completions.create(model=model, messages=HELLO, **options)

        classes = {
            "status-400": openai.BadRequestError,
            "status-401": openai.InternalServerError,
            "status-429": openai.RateLimitError,
            "status-503": openai.InternalServerError,
            "nobody": openai.NotFoundError,
        }
        for script, kind in classes.items():
            for stream in (False, True):
                with self.subTest(script, stream=stream):
                    with self.assertRaises(kind) as caught:
                        asyncio.run(ask(f"{script}:async-{stream}", stream=stream))

                    self.assertEqual(set(caught.exception.body), ENVELOPE)
                    self.assertTrue(caught.exception.request_id)

    def test_our_bad_key_upstream_is_not_the_callers(self):
        error = self.server_error("status-401:python", 502)

        self.assertEqual(error.code, "upstream_auth")
        self.assertNotIn("sk-up", json.dumps(error.body))

    def test_our_empty_account_upstream_is_not_the_callers(self):
        for model in ("status-402:python", "quota:python"):
            with self.subTest(model):
                self.assertEqual(self.server_error(model, 503).code, "upstream_quota")

    def test_upstream_failures_keep_their_status_and_their_secrets(self):
        for said, status in ((500, 500), (502, 502), (503, 503), (504, 504), (529, 503)):
            with self.subTest(said):
                error = self.server_error(f"status-{said}:python", status)

                self.assertNotIn("db-17", json.dumps(error.body))

    def test_broken_answers_are_bad_gateways(self):
        for model in ("redirect:python", "reset:python", "short:python"):
            with self.subTest(model):
                self.assertEqual(self.server_error(model, 502).code, "upstream_error")

    def test_a_redirect_is_not_followed(self):
        self.server_error("redirect:followed", 502)

        self.assertEqual(seen("trap")["count"], 0)

    def test_a_rate_limit_tells_when_to_come_back(self):
        with self.assertRaises(openai.RateLimitError) as caught:
            create(client(), "status-429:python")

        self.assertEqual(caught.exception.code, "rate_limit_exceeded")
        self.assertEqual(caught.exception.response.headers["retry-after"], "30")

    def test_a_cut_stream_is_an_error_and_no_clean_end(self):
        for model in ("cut:python", "cut-clean:python", "error-event:python"):
            with self.subTest(model):
                stream, pieces = create(client(), model, stream=True), []
                with self.assertRaises(openai.APIError) as caught:
                    for chunk in stream:
                        pieces.append(chunk.choices[0].delta.content or "")
                        self.assertIsNone(chunk.choices[0].finish_reason)

                self.assertEqual("".join(pieces), "Grüße aus der Küche: ")
                self.assertEqual(set(caught.exception.body), ENVELOPE)

    def server_error(self, model, status):
        with self.assertRaises(openai.InternalServerError) as caught:
            create(client(), model)
        self.assertEqual(caught.exception.status_code, status)
        self.assertEqual(set(caught.exception.body), ENVELOPE)
        self.assertTrue(caught.exception.request_id)
        return caught.exception


def post(url, body, content_type="application/json"):
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": content_type}
    return raw("POST", url, body, headers)
