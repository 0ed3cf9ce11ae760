"""Chat completions through the official client: plain, streamed, asynchronous, with tools."""

import asyncio
import json
import time
import unittest

import openai
from support import (
    ACCESS_TOKEN,
    BASE_URL,
    CONTENT,
    HELLO,
    KEY,
    SHORT_BASE_URL,
    async_client,
    client,
    eventually,
    raw,
    seen,
    text_of,
)


class Plain(unittest.TestCase):
    def test_an_answer_comes_whole_with_usage_and_request_id(self):
        answer = client().chat.completions.create(model="echo", messages=HELLO)

        self.assertEqual(answer.choices[0].message.content, CONTENT)
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        self.assertEqual(answer.model, "echo")
        self.assertEqual(answer.usage.prompt_tokens, 11)
        self.assertEqual(answer.usage.completion_tokens, 7)
        self.assertEqual(answer.usage.prompt_tokens_details.cached_tokens, 4)
        self.assertEqual(answer.usage.completion_tokens_details.reasoning_tokens, 2)
        self.assertTrue(answer._request_id)

    def test_fields_that_nobody_knows_pass_both_ways(self):
        odd = {"top_k": 40, "chat_template_kwargs": {"deep": [{"n": 9007199254740993}]}}

        answer = client().chat.completions.create(
            model="echo:unknown-fields", messages=HELLO, extra_body=odd
        )

        arrived = json.loads(seen("echo:unknown-fields")["last"]["body"])
        self.assertEqual({name: arrived[name] for name in odd}, odd)
        self.assertEqual(answer.model_extra["x_vendor"], {"kept": True})

    def test_the_upstream_gets_its_own_key_and_not_ours(self):
        client().chat.completions.create(
            model="echo:credentials", messages=HELLO, extra_headers={"X-Private": "not yours"}
        )

        headers = seen("echo:credentials")["last"]["headers"]
        self.assertEqual(headers["authorization"], "Bearer sk-upstream")
        self.assertNotIn(KEY, json.dumps(headers))
        self.assertNotIn("x-private", headers)

    def test_an_access_token_serves_as_a_key(self):
        answer = client(api_key=ACCESS_TOKEN).chat.completions.create(model="echo", messages=HELLO)

        self.assertEqual(answer.choices[0].message.content, CONTENT)

    def test_raw_responses_show_the_headers(self):
        asked = {"X-Request-Id": "from-the-caller-1"}

        answer = client().chat.completions.with_raw_response.create(
            model="echo", messages=HELLO, extra_headers=asked
        )

        self.assertEqual(answer.headers["x-request-id"], "from-the-caller-1")
        self.assertEqual(answer.headers["content-type"].split(";")[0], "application/json")
        self.assertEqual(answer.headers["x-content-type-options"], "nosniff")
        self.assertEqual(answer.parse().choices[0].message.content, CONTENT)

    def test_tool_calls_come_whole(self):
        message = client().chat.completions.create(model="tools", messages=HELLO).choices[0].message

        self.assertIsNone(message.content)
        calls = [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls]
        self.assertEqual(calls, [("call_a", "weather", '{"city":"Wien"}'), ("call_b", "clock", "{}")])

    def test_a_model_name_may_hold_a_slash(self):
        answer = client().chat.completions.create(model="vendor/echo", messages=HELLO)

        self.assertEqual(answer.model, "vendor/echo")

    def test_the_short_path_is_the_same_service(self):
        short = client(base_url=SHORT_BASE_URL)

        plain = short.chat.completions.create(model="echo", messages=HELLO)
        streamed = short.chat.completions.create(model="echo", messages=HELLO, stream=True)

        self.assertEqual(plain.choices[0].message.content, CONTENT)
        self.assertEqual(text_of(streamed), CONTENT)
        self.assertIn("echo", [model.id for model in short.models.list()])

    def test_a_caller_who_waits_no_longer_is_forgotten_upstream(self):
        model = "silent:python"

        with self.assertRaises(openai.APITimeoutError):
            client(timeout=0.5).chat.completions.create(model=model, messages=HELLO)

        self.assertTrue(eventually(lambda: seen(model)["hangups"] == 1))

    def test_usage_counts_what_was_used(self):
        client().chat.completions.create(model="echo:usage", messages=HELLO)
        list(client().chat.completions.create(model="echo:usage", messages=HELLO, stream=True))

        self.assertTrue(eventually(lambda: requests_in_usage("echo:usage") == 2))


class Streamed(unittest.TestCase):
    def test_the_pieces_add_up_and_end_with_a_reason(self):
        chunks = list(client().chat.completions.create(model="echo", messages=HELLO, stream=True))

        self.assertEqual("".join(c.choices[0].delta.content or "" for c in chunks), CONTENT)
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        self.assertEqual([c.choices[0].finish_reason for c in chunks if c.choices[0].finish_reason], ["stop"])
        self.assertEqual(len({c.id for c in chunks}), 1)

    def test_usage_stays_away_when_nobody_asked(self):
        for options in ({}, {"stream_options": {"include_usage": False}}):
            chunks = list(
                client().chat.completions.create(model="echo", messages=HELLO, stream=True, **options)
            )

            self.assertTrue(all(chunk.choices for chunk in chunks))
            self.assertTrue(all("usage" not in chunk.model_fields_set for chunk in chunks))

    def test_usage_comes_once_when_asked(self):
        chunks = list(
            client().chat.completions.create(
                model="echo", messages=HELLO, stream=True, stream_options={"include_usage": True}
            )
        )

        told = [chunk for chunk in chunks if chunk.usage is not None]
        self.assertEqual([chunk.usage.total_tokens for chunk in told], [18])
        self.assertEqual(told[0].choices, [])
        self.assertIs(told[0], chunks[-1])

    def test_characters_split_over_packets_stay_whole(self):
        stream = client().chat.completions.create(model="crumbs", messages=HELLO, stream=True)

        self.assertEqual(text_of(stream), CONTENT)

    def test_pieces_arrive_while_the_model_still_writes(self):
        started = time.monotonic()
        stream = client().chat.completions.create(model="slow", messages=HELLO, stream=True)

        first = next(chunk for chunk in stream if chunk.choices[0].delta.content)
        until_first = time.monotonic() - started
        rest = text_of(stream)
        until_last = time.monotonic() - started

        self.assertEqual((first.choices[0].delta.content or "") + rest, CONTENT)
        self.assertGreater(until_last - until_first, 0.5)

    def test_parallel_tool_calls_are_put_together(self):
        stream = client().chat.completions.create(model="tools", messages=HELLO, stream=True)

        calls, finish = {}, None
        for chunk in stream:
            finish = chunk.choices[0].finish_reason or finish
            for part in chunk.choices[0].delta.tool_calls or []:
                call = calls.setdefault(part.index, {"id": "", "name": "", "arguments": ""})
                call["id"] += part.id or ""
                call["name"] += part.function.name or ""
                call["arguments"] += part.function.arguments or ""

        self.assertEqual(finish, "tool_calls")
        self.assertEqual(calls[0], {"id": "call_a", "name": "weather", "arguments": '{"city":"Wien"}'})
        self.assertEqual(calls[1], {"id": "call_b", "name": "clock", "arguments": "{}"})

    def test_the_helper_of_the_package_gathers_a_stream(self):
        with client().chat.completions.stream(model="echo", messages=HELLO) as stream:
            final = stream.get_final_completion()

        self.assertEqual(final.choices[0].message.content, CONTENT)

    def test_the_head_of_a_stream_carries_its_headers(self):
        answer = client().chat.completions.with_raw_response.create(
            model="echo", messages=HELLO, stream=True
        )

        self.assertTrue(answer.headers["x-request-id"])
        self.assertEqual(answer.headers["content-type"].split(";")[0], "text/event-stream")
        self.assertEqual(answer.headers["x-accel-buffering"], "no")
        self.assertEqual(text_of(answer.parse()), CONTENT)

    def test_leaving_a_stream_ends_it_upstream(self):
        model = "endless:python"
        stream = client().chat.completions.create(model=model, messages=HELLO, stream=True)
        next(iter(stream))

        stream.close()

        self.assertTrue(eventually(lambda: seen(model)["hangups"] == 1))


class Asynchronous(unittest.IsolatedAsyncioTestCase):
    async def test_an_answer_comes_whole(self):
        async with async_client() as asynchronous:
            answer = await asynchronous.chat.completions.create(model="echo", messages=HELLO)

        self.assertEqual(answer.choices[0].message.content, CONTENT)

    async def test_twenty_streams_at_once_do_not_mix(self):
        async with async_client() as asynchronous:

            async def one(number):
                stream = await asynchronous.chat.completions.create(
                    model=f"crumbs:{number}", messages=HELLO, stream=True
                )
                chunks = [chunk async for chunk in stream]
                return {c.model for c in chunks}, "".join(c.choices[0].delta.content or "" for c in chunks)

            answers = await asyncio.gather(*(one(number) for number in range(20)))

        self.assertEqual(answers, [({f"crumbs:{number}"}, CONTENT) for number in range(20)])


def requests_in_usage(model):
    """How many requests for a model the ledger holds; it is written a moment behind the answers."""
    url = f"{BASE_URL}/usage?group_by=model"
    status, _, usage = raw("GET", url, headers={"Authorization": f"Bearer {KEY}"})
    assert status == 200, usage
    return sum(item["requests"] for item in usage["items"] if item["model"] == model)
