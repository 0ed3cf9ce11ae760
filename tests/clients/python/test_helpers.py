"""What the official package adds to plain calls: events, parsed answers, raw responses."""

import json
import unittest

import openai
import pydantic
from support import (
    CALLS,
    CONFIGURED,
    CONTENT,
    HELLO,
    TOOLS,
    async_client,
    client,
    create,
    eventually,
    seen,
    text_of,
)


class Place(pydantic.BaseModel):
    city: str
    degrees: int


WIEN = Place(city="Wien", degrees=21)


class Helper(unittest.TestCase):
    """`client.chat.completions.stream(…)`"""

    def test_content_comes_as_events_and_as_a_whole(self):
        with client().chat.completions.stream(model="echo", messages=HELLO) as stream:
            events = list(stream)
            final = stream.get_final_completion()

        deltas = [event.delta for event in events if event.type == "content.delta"]
        done = [event.content for event in events if event.type == "content.done"]
        self.assertEqual("".join(deltas), CONTENT)
        self.assertEqual(done, [CONTENT])
        self.assertEqual(final.choices[0].finish_reason, "stop")
        self.assertIsNone(final.usage)

    def test_usage_is_in_the_whole_when_asked_for(self):
        options = {"stream_options": {"include_usage": True}}

        with client().chat.completions.stream(model="echo", messages=HELLO, **options) as stream:
            final = stream.get_final_completion()

        self.assertEqual(final.usage.total_tokens, 18)
        self.assertEqual(final.usage.completion_tokens_details.reasoning_tokens, 2)

    def test_fragments_of_parallel_arguments_are_put_together(self):
        with client().chat.completions.stream(model="tools", messages=HELLO, tools=TOOLS) as stream:
            events = list(stream)
            final = stream.get_final_completion()

        fragments = {}
        for event in events:
            if event.type == "tool_calls.function.arguments.delta":
                fragments[event.name] = fragments.get(event.name, "") + event.arguments_delta
        self.assertEqual(fragments, {name: arguments for _, name, arguments in CALLS})
        calls = final.choices[0].message.tool_calls
        self.assertEqual([(call.id, call.function.name, call.function.arguments) for call in calls], CALLS)
        self.assertEqual(final.choices[0].finish_reason, "tool_calls")

    def test_a_structured_answer_is_parsed(self):
        stream_of = client().chat.completions.stream
        with stream_of(model="json:python-stream", messages=HELLO, response_format=Place) as stream:
            final = stream.get_final_completion()

        self.assertEqual(final.choices[0].message.parsed, WIEN)
        self.assert_schema_arrived("json:python-stream")

    def test_a_plain_structured_answer_is_parsed(self):
        answer = client().chat.completions.parse(
            model="json:python", messages=HELLO, response_format=Place
        )

        self.assertEqual(answer.choices[0].message.parsed, WIEN)
        self.assert_schema_arrived("json:python")

    def test_a_cut_stream_raises_out_of_the_helper(self):
        for model in ("cut:helper", "error-event:helper"):
            with self.subTest(model), self.assertRaises(openai.APIError):
                with client().chat.completions.stream(model=model, messages=HELLO) as stream:
                    stream.get_final_completion()

    def test_leaving_the_helper_ends_it_upstream(self):
        with client().chat.completions.stream(model="endless:helper", messages=HELLO) as stream:
            next(event for event in stream if event.type == "content.delta")

        self.assertTrue(eventually(lambda: seen("endless:helper")["hangups"] == 1))

    def assert_schema_arrived(self, model):
        wanted = json.loads(seen(model)["last"]["body"])["response_format"]
        self.assertEqual(wanted["type"], "json_schema")
        self.assertEqual(wanted["json_schema"]["schema"]["required"], ["city", "degrees"])


class AsynchronousHelper(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        self.client = async_client()

    async def asyncTearDown(self):
        await self.client.close()

    async def test_a_stream_is_iterated(self):
        stream = await self.client.chat.completions.create(model="crumbs", messages=HELLO, stream=True)

        chunks = [chunk async for chunk in stream]

        self.assertEqual(text_of(chunks), CONTENT)
        self.assertEqual(chunks[-1].choices[0].finish_reason, "stop")

    async def test_the_helper_gathers_calls(self):
        stream_of = self.client.chat.completions.stream
        async with stream_of(model="tools", messages=HELLO, tools=TOOLS) as stream:
            final = await stream.get_final_completion()

        calls = final.choices[0].message.tool_calls
        self.assertEqual([(call.id, call.function.name, call.function.arguments) for call in calls], CALLS)

    async def test_raw_responses_show_the_headers(self):
        raw = await self.client.chat.completions.with_raw_response.create(model="echo", messages=HELLO)

        self.assertTrue(raw.headers["x-request-id"])
        self.assertEqual(raw.parse().choices[0].message.content, CONTENT)

    async def test_leaving_a_stream_ends_it_upstream(self):
        stream = await self.client.chat.completions.create(
            model="endless:async", messages=HELLO, stream=True
        )
        await anext(aiter(stream))

        await stream.close()

        self.assertTrue(eventually(lambda: seen("endless:async")["hangups"] == 1))

    async def test_a_cut_stream_raises(self):
        for model in ("cut:async", "cut-clean:async", "error-event:async"):
            stream = await self.client.chat.completions.create(model=model, messages=HELLO, stream=True)
            with self.subTest(model), self.assertRaises(openai.APIError):
                [chunk async for chunk in stream]


class Heads(unittest.TestCase):
    def test_an_answer_and_a_refusal_carry_the_ids_of_both_sides(self):
        with_raw = client().chat.completions.with_raw_response
        with self.assertRaises(openai.BadRequestError) as caught:
            create(client(), "status-400:heads")
        heads = [
            with_raw.create(model="echo", messages=HELLO).headers,
            with_raw.create(model="echo", messages=HELLO, stream=True).headers,
            caught.exception.response.headers,
        ]

        for headers in heads:
            self.assertEqual(headers["x-upstream-request-id"], "req_scripted")
            self.assertNotIn(headers["x-request-id"], ("", "req_scripted"))
            self.assertNotIn("content-encoding", headers)

    def test_a_body_can_be_read_as_it_comes(self):
        streaming = client().chat.completions.with_streaming_response
        with streaming.create(model="echo", messages=HELLO, stream=True) as answer:
            lines = [line for line in answer.iter_lines() if line]

        self.assertEqual(lines[-1], "data: [DONE]")
        self.assertTrue(all(line.startswith(("data: ", ":")) for line in lines))


class Choices(unittest.TestCase):
    def test_two_choices_come_whole(self):
        answer = create(client(), "echo", n=2)

        self.assertEqual([choice.index for choice in answer.choices], [0, 1])
        self.assertEqual([choice.message.content for choice in answer.choices], [CONTENT] * 2)

    def test_two_choices_take_turns_in_a_stream(self):
        texts, ends = {}, []
        for chunk in create(client(), "echo", n=2, stream=True):
            for choice in chunk.choices:
                texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
                ends += [choice.index] if choice.finish_reason else []

        self.assertEqual(texts, {0: CONTENT, 1: CONTENT})
        self.assertEqual(ends, [0, 1])

    def test_reasoning_passes_beside_the_content(self):
        plain = create(client(), "reasoning").choices[0].message
        chunks = list(create(client(), "reasoning", stream=True))

        thought = "".join((c.choices[0].delta.model_extra or {}).get("reasoning_content", "") for c in chunks)
        self.assertEqual(plain.model_extra["reasoning_content"], "Let me think: 世界.")
        self.assertEqual((thought, text_of(chunks)), ("Let me think: 世界.", CONTENT))


class PublicNames(unittest.TestCase):
    """A model that is called otherwise here than upstream."""

    def test_the_name_that_was_asked_for_is_the_name_that_answers(self):
        asked = client(**CONFIGURED)

        plain = create(asked, "poet")
        chunks = list(create(asked, "poet", stream=True))

        self.assertEqual(plain.model, "poet")
        self.assertEqual({chunk.model for chunk in chunks}, {"poet"})
        self.assertEqual(json.loads(seen("echo:poet")["last"]["body"])["model"], "echo:poet")

    def test_the_list_holds_the_public_names(self):
        listed = {model.id for model in client(**CONFIGURED).models.list()}

        self.assertLessEqual({"poet", "fallback", "late"}, listed)
