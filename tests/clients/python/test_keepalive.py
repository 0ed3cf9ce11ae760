"""Comments in the silence of an upstream: nobody hears them but whoever waits.

The second server sends one every 300 ms, and commits to a stream after 600 ms.
"""

import time
import unittest

import openai
from langchain_openai import ChatOpenAI
from support import CONFIGURED, CONFIGURED_BASE_URL, CONFIGURED_KEY, CONTENT, HELLO, client, create, text_of

# The upstream's pause is 1.5 s long.
QUIET, HESITANT = "scripted/quiet:keepalive", "scripted/hesitant:keepalive"


class Silence(unittest.TestCase):
    def test_the_packages_do_not_hear_it(self):
        for model in (QUIET, HESITANT):
            chain = ChatOpenAI(model=model, base_url=CONFIGURED_BASE_URL, api_key=CONFIGURED_KEY, max_retries=0)

            with self.subTest(model):
                self.assertEqual(text_of(create(client(**CONFIGURED), model, stream=True)), CONTENT)
                self.assertEqual("".join(chunk.content for chunk in chain.stream("Hello")), CONTENT)

    def test_comments_come_in_the_middle_of_a_stream(self):
        lines, _ = lines_of(QUIET)

        first = place(lines, "Grüße ")
        second = place(lines, "aus der")
        self.assertGreaterEqual(comments(lines[first:second]), 2, lines)
        self.assertEqual(lines[-1], "data: [DONE]")

    def test_the_head_and_comments_come_before_the_first_word(self):
        lines, waited = lines_of(HESITANT)

        self.assertLess(waited, 1.4)
        self.assertGreaterEqual(comments(lines[: place(lines, "Grüße ")]), 2, lines)

    def test_what_fails_behind_the_head_raises_in_the_stream(self):
        stream = create(client(**CONFIGURED), "scripted/silent:keepalive", stream=True)

        with self.assertRaises(openai.APIError) as caught:
            list(stream)

        self.assertNotIsInstance(caught.exception, openai.APIStatusError)
        self.assertEqual(caught.exception.code, "upstream_timeout")

    def test_a_short_read_timeout_of_the_caller_is_not_reached(self):
        patient = client(**CONFIGURED, timeout=1.2)

        self.assertEqual(text_of(create(patient, QUIET, stream=True)), CONTENT)


def lines_of(model):
    """The lines of a stream, and the seconds until its head."""
    started = time.monotonic()
    streaming = client(**CONFIGURED).chat.completions.with_streaming_response
    with streaming.create(model=model, messages=HELLO, stream=True) as answer:
        waited = time.monotonic() - started
        return [line for line in answer.iter_lines() if line], waited


def place(lines, word):
    return next(number for number, line in enumerate(lines) if f'"content": "{word}' in line)


def comments(lines):
    return sum(line == ": keep-alive" for line in lines)
