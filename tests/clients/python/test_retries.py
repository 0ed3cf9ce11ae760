"""How often the official client asks again, and how long it waits."""

import time
import unittest

import openai
from support import CONFIGURED, CONTENT, HELLO, client, counting_client, create, seen, text_of

# What the client sends when nobody has said how often it may: once, and two retries.
UNTIL_IT_GIVES_UP = 3


class Refused(unittest.TestCase):
    def test_what_the_caller_did_wrong_is_asked_once(self):
        for status in (400, 403, 404, 413, 422):
            patient, sent = counting_client(max_retries=2)

            with self.subTest(status), self.assertRaises(openai.APIStatusError):
                create(patient, f"status-{status}:retries")

            self.assertEqual((len(sent), seen(f"status-{status}:retries")["count"]), (1, 1))

    def test_a_refusal_of_our_own_is_asked_once(self):
        patient, sent = counting_client(max_retries=2, api_key="sk-cg-wrong")

        with self.assertRaises(openai.AuthenticationError):
            create(patient, "echo:never-asked")

        self.assertEqual((len(sent), seen("echo:never-asked")["count"]), (1, 0))


class Busy(unittest.TestCase):
    """The second server has no patience of its own: whoever asks to come back is told to the caller."""

    def test_a_rate_limit_lasts_through_the_default_retries(self):
        patient, sent = counting_client(**CONFIGURED, max_retries=openai.DEFAULT_MAX_RETRIES)

        with self.assertRaises(openai.RateLimitError) as caught:
            create(patient, "scripted/brief:default")

        self.assertEqual(len(sent), UNTIL_IT_GIVES_UP)
        self.assertEqual([retry_count(request) for request in sent], ["0", "1", "2"])
        self.assertEqual(caught.exception.code, "rate_limit_exceeded")

    def test_milliseconds_to_wait_go_before_seconds(self):
        patient, sent = counting_client(**CONFIGURED, max_retries=2)
        started = time.monotonic()

        answer = create(patient, "scripted/brief-once:python")

        first, last = seen("brief-once:python")["at"]
        self.assertEqual(answer.choices[0].message.content, CONTENT)
        self.assertEqual(len(sent), 2)
        self.assertGreaterEqual(last - first, 0.29)
        self.assertGreaterEqual(time.monotonic() - started, 0.29)

    def test_both_headers_reach_the_caller(self):
        with self.assertRaises(openai.RateLimitError) as caught:
            create(client(**CONFIGURED), "scripted/brief:headers")

        headers = caught.exception.response.headers
        self.assertEqual((headers["retry-after-ms"], headers["retry-after"]), ("300", "1"))

    def test_a_stream_is_asked_for_again_as_well(self):
        patient, sent = counting_client(**CONFIGURED, max_retries=2)

        stream = create(patient, "scripted/brief-once:python-stream", stream=True)

        self.assertEqual(text_of(stream), CONTENT)
        self.assertEqual(len(sent), 2)

    def test_a_short_rate_limit_is_waited_out(self):
        answer = create(client(max_retries=2), "busy-once:python")

        self.assertEqual(answer.choices[0].finish_reason, "stop")
        self.assertEqual(seen("busy-once:python")["count"], 2)

    def test_a_long_rate_limit_stays_one(self):
        patient, sent = counting_client(max_retries=1)

        with self.assertRaises(openai.RateLimitError):
            create(patient, "busy:python")

        self.assertEqual(len(sent), 2)
        self.assertGreaterEqual(seen("busy:python")["count"], 2)


class BehindTheScenes(unittest.TestCase):
    def test_the_next_target_answers_without_a_retry_of_the_caller(self):
        for options in ({}, {"stream": True}):
            patient, sent = counting_client(**CONFIGURED, max_retries=2)
            before = seen("echo:fallback")["count"]

            answer = create(patient, "fallback", **options)

            text = text_of(answer) if options else answer.choices[0].message.content
            self.assertEqual(text, CONTENT)
            self.assertEqual((len(sent), seen("echo:fallback")["count"] - before), (1, 1))

    def test_a_stream_that_breaks_off_is_not_begun_again(self):
        patient, sent = counting_client(max_retries=2)

        with self.assertRaises(openai.APIError):
            list(patient.chat.completions.create(model="cut:once", messages=HELLO, stream=True))

        self.assertEqual((len(sent), seen("cut:once")["count"]), (1, 1))


def retry_count(request):
    return request.headers["x-stainless-retry-count"]
