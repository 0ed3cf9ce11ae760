"""Every class of error that the official client knows, and the envelope that it reads."""

import json
import unittest

import openai
from support import BASE_URL, HELLO, KEY, SERVER, SHORT_BASE_URL, client, counting_client, raw, seen

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
            404: openai.NotFoundError,
            409: openai.ConflictError,
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

    def test_our_bad_key_upstream_is_not_the_callers(self):
        error = self.server_error("status-401:python", 502)

        self.assertEqual(error.code, "upstream_auth")
        self.assertNotIn("sk-up", json.dumps(error.body))

    def test_our_empty_account_upstream_is_not_the_callers(self):
        for model in ("status-402:python", "quota:python"):
            with self.subTest(model):
                self.assertEqual(self.server_error(model, 503).code, "upstream_quota")

    def test_upstream_failures_keep_their_status_and_their_secrets(self):
        for status in (500, 503):
            with self.subTest(status):
                error = self.server_error(f"status-{status}:python", status)

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

    def test_a_rate_limit_lasts_through_the_retries(self):
        patient, sent = counting_client(max_retries=1)

        with self.assertRaises(openai.RateLimitError):
            create(patient, "busy:python")

        self.assertEqual(len(sent), 2)
        self.assertGreaterEqual(seen("busy:python")["count"], 2)

    def test_a_short_rate_limit_is_waited_out(self):
        answer = create(client(max_retries=2), "busy-once:python")

        self.assertEqual(answer.choices[0].finish_reason, "stop")
        self.assertEqual(seen("busy-once:python")["count"], 2)

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


def create(asked, model, **options):
    return asked.chat.completions.create(model=model, messages=HELLO, **options)


def post(url, body, content_type="application/json"):
    headers = {"Authorization": f"Bearer {KEY}", "Content-Type": content_type}
    return raw("POST", url, body, headers)
