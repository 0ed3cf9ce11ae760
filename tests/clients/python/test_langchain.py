"""langchain-openai: plain and streamed answers, tools, structured output, usage, errors."""

import asyncio
import json
import unittest

import openai
import pydantic
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from support import BASE_URL, CONFIGURED, CONFIGURED_BASE_URL, CONTENT, KEY, eventually, seen

TOKENS = {"input_tokens": 11, "output_tokens": 7, "total_tokens": 18}


class Place(pydantic.BaseModel):
    """Where it is how warm."""

    city: str
    degrees: int


@tool
def weather(city: str) -> str:
    """How warm it is somewhere."""
    return f"21 degrees in {city}"


@tool
def clock() -> str:
    """What time it is."""
    return "noon"


def model(name, **options):
    defaults = {"base_url": BASE_URL, "api_key": KEY, "max_retries": 0, "timeout": 60}
    return ChatOpenAI(model=name, **{**defaults, **options})


def tokens(message):
    return {name: message.usage_metadata[name] for name in TOKENS}


def whole(chunks):
    message = None
    for chunk in chunks:
        message = chunk if message is None else message + chunk
    return message


class Answers(unittest.TestCase):
    def test_an_answer_comes_whole_with_its_usage(self):
        message = model("echo").invoke("Hello")

        self.assertEqual(message.content, CONTENT)
        self.assertEqual(tokens(message), TOKENS)
        self.assertEqual(message.usage_metadata["input_token_details"]["cache_read"], 4)
        self.assertEqual(message.usage_metadata["output_token_details"]["reasoning"], 2)
        self.assertEqual(message.response_metadata["finish_reason"], "stop")
        self.assertEqual(message.response_metadata["model_name"], "echo")

    def test_a_stream_adds_up(self):
        chunks = list(model("crumbs").stream("Hello"))

        self.assertGreater(len(chunks), 3)
        self.assertEqual(whole(chunks).content, CONTENT)

    def test_usage_comes_in_a_stream_when_asked_for_and_only_then(self):
        told = whole(model("echo", stream_usage=True).stream("Hello"))
        untold = whole(model("echo", stream_usage=False).stream("Hello"))

        self.assertEqual(tokens(told), TOKENS)
        self.assertIsNone(untold.usage_metadata)

    def test_a_batch_is_answered_in_order(self):
        answers = model("echo").batch([f"Hello {number}" for number in range(8)])

        self.assertEqual([answer.content for answer in answers], [CONTENT] * 8)

    def test_headers_can_be_read(self):
        message = model("echo", include_response_headers=True).invoke("Hello")

        self.assertTrue(message.response_metadata["headers"]["x-request-id"])

    def test_leaving_a_stream_ends_it_upstream(self):
        stream = model("endless:langchain").stream("Hello")
        next(chunk for chunk in stream if chunk.content)

        stream.close()

        self.assertTrue(eventually(lambda: seen("endless:langchain")["hangups"] == 1))

    def test_a_public_name_serves_as_well(self):
        message = model("poet", base_url=CONFIGURED_BASE_URL, api_key=CONFIGURED["api_key"]).invoke("Hello")

        self.assertEqual(message.response_metadata["model_name"], "poet")


class Asynchronous(unittest.IsolatedAsyncioTestCase):
    async def test_an_answer_and_a_stream_and_a_batch(self):
        asked = model("echo")

        plain = await asked.ainvoke("Hello")
        chunks = [chunk async for chunk in asked.astream("Hello")]
        batch = await asked.abatch(["Hello"] * 8)

        self.assertEqual(plain.content, CONTENT)
        self.assertEqual(whole(chunks).content, CONTENT)
        self.assertEqual([message.content for message in batch], [CONTENT] * 8)

    async def test_a_task_that_is_cancelled_ends_upstream(self):
        waiting = asyncio.ensure_future(model("silent:langchain").ainvoke("Hello"))
        while seen("silent:langchain")["count"] == 0:
            await asyncio.sleep(0.05)

        waiting.cancel()

        with self.assertRaises(asyncio.CancelledError):
            await waiting
        self.assertTrue(eventually(lambda: seen("silent:langchain")["hangups"] == 1))


class Tools(unittest.TestCase):
    WANTED = [("call_a", "weather", {"city": "Wien"}), ("call_b", "clock", {})]

    def test_calls_come_whole(self):
        message = model("tools").bind_tools([weather, clock]).invoke("Hello")

        self.assertEqual(calls(message), self.WANTED)
        self.assertEqual(message.invalid_tool_calls, [])

    def test_fragments_of_parallel_calls_are_merged(self):
        chunks = list(model("tools").bind_tools([weather, clock]).stream("Hello"))

        self.assertGreater(len(chunks), 10)
        message = whole(chunks)
        self.assertEqual(calls(message), self.WANTED)
        self.assertEqual(message.invalid_tool_calls, [])
        self.assertEqual(message.response_metadata["finish_reason"], "tool_calls")

    def test_results_go_back_and_the_answer_comes(self):
        bound = model("tools:langchain").bind_tools([weather, clock])
        talk = [HumanMessage("Hello")]
        asked = bound.invoke(talk)
        tools = {"weather": weather, "clock": clock}
        results = [tools[call["name"]].invoke(call) for call in asked.tool_calls]

        answer = bound.invoke([*talk, asked, *results])

        self.assertTrue(all(isinstance(result, ToolMessage) for result in results))
        self.assertEqual(answer.content, CONTENT)
        arrived = json.loads(seen("tools:langchain")["last"]["body"])["messages"]
        self.assertEqual([message["role"] for message in arrived], ["user", "assistant", "tool", "tool"])
        self.assertEqual([message["content"] for message in arrived[2:]], ["21 degrees in Wien", "noon"])

    def test_structured_output_is_parsed_by_either_method(self):
        for method in ("json_schema", "json_mode"):
            with self.subTest(method):
                answer = model(f"json:{method}").with_structured_output(Place, method=method).invoke("Hello")

                self.assertEqual(answer, Place(city="Wien", degrees=21))
                wanted = json.loads(seen(f"json:{method}")["last"]["body"])["response_format"]["type"]
                self.assertEqual(wanted, {"json_schema": "json_schema", "json_mode": "json_object"}[method])


class Errors(unittest.TestCase):
    def test_errors_are_those_of_the_official_client(self):
        kinds = {
            "status-400": openai.BadRequestError,
            "status-429": openai.RateLimitError,
            "status-500": openai.InternalServerError,
            "nobody": openai.NotFoundError,
        }
        for script, kind in kinds.items():
            plain, streamed = model(f"{script}:langchain"), model(f"{script}:langchain-stream")
            with self.subTest(script):
                self.assertRaises(kind, plain.invoke, "Hello")
                self.assertRaises(kind, lambda: list(streamed.stream("Hello")))
        with self.assertRaises(openai.AuthenticationError):
            model("echo", api_key="sk-cg-wrong").invoke("Hello")

    def test_a_cut_stream_raises(self):
        for name in ("cut:langchain", "cut-clean:langchain", "error-event:langchain"):
            pieces = []
            with self.subTest(name), self.assertRaises(openai.APIError):
                for chunk in model(name).stream("Hello"):
                    pieces.append(chunk.content)

            self.assertEqual("".join(pieces), "Grüße aus der Küche: ")


def calls(message):
    return [(call["id"], call["name"], call["args"]) for call in message.tool_calls]
