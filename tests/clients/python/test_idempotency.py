"""A key of the caller's own makes a request safe to repeat. The official client sends none by itself."""

import concurrent.futures
import unittest
import uuid

import openai
from support import CONTENT, HELLO, client, create, seen, text_of


class Repeated(unittest.TestCase):
    def test_without_a_key_each_request_is_one_of_its_own(self):
        for _ in range(2):
            create(client(), "echo:no-key")

        self.assertEqual(seen("echo:no-key")["count"], 2)
        self.assertNotIn("idempotency-key", seen("echo:no-key")["last"]["headers"])

    def test_the_same_key_gives_the_same_answer_once(self):
        key = a_name()

        first, again = raw("echo:keyed", key), raw("echo:keyed", key)

        self.assertEqual(first.parse(), again.parse())
        self.assertNotIn("idempotent-replayed", first.headers)
        self.assertEqual(again.headers["idempotent-replayed"], "true")
        self.assertEqual(seen("echo:keyed")["count"], 1)

    def test_a_stream_is_given_again_as_a_stream(self):
        key = a_name()

        first, again = (raw("echo:keyed-stream", key, stream=True) for _ in range(2))

        self.assertEqual([text_of(first.parse()), text_of(again.parse())], [CONTENT, CONTENT])
        self.assertEqual(again.headers["content-type"].split(";")[0], "text/event-stream")
        self.assertEqual(seen("echo:keyed-stream")["count"], 1)

    def test_two_at_once_are_one(self):
        key = a_name()

        with concurrent.futures.ThreadPoolExecutor() as threads:
            waiting = [threads.submit(stream_text, "slow:keyed", key) for _ in range(3)]
            texts = [thread.result() for thread in waiting]

        self.assertEqual(texts, [CONTENT] * 3)
        self.assertEqual(seen("slow:keyed")["count"], 1)

    def test_another_body_under_the_same_key_is_a_conflict(self):
        key = a_name()
        raw("echo:keyed-other", key)

        with self.assertRaises(openai.UnprocessableEntityError) as caught:
            raw("echo:keyed-other", key, temperature=1)

        self.assertEqual(caught.exception.code, "idempotency_conflict")
        self.assertEqual(seen("echo:keyed-other")["count"], 1)

    def test_another_key_is_another_request(self):
        for _ in range(2):
            raw("echo:keyed-twice", a_name())

        self.assertEqual(seen("echo:keyed-twice")["count"], 2)


def a_name():
    return str(uuid.uuid4())


def raw(model, key, **options):
    headers = {"Idempotency-Key": key}
    with_raw = client().chat.completions.with_raw_response
    return with_raw.create(model=model, messages=HELLO, extra_headers=headers, **options)


def stream_text(model, key):
    return text_of(raw(model, key, stream=True).parse())
