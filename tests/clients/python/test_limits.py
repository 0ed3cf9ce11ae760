"""What a key may spend and ask: the errors that the official client knows, and the headers it shows.

On the second server the model `poet` has a price: an answer of the upstream costs 127 micro-dollars.
"""

import unittest

import openai
from support import (
    CONFIGURED,
    CONFIGURED_ACCESS_TOKEN,
    CONFIGURED_BASE_URL,
    HELLO,
    a_key,
    client,
    counting_client,
    create,
    seen,
)

# With this bound, 180 micro-dollars are set aside for a request.
SHORT = {"max_tokens": 10}


class Budgets(unittest.TestCase):
    def test_a_budget_that_is_used_up_is_no_reason_to_ask_again(self):
        key = limited(budget_microusd=200, budget_period="total")
        patient, sent = counting_client(**{**CONFIGURED, "api_key": key}, max_retries=2)

        create(patient, "poet", **SHORT)
        with self.assertRaises(openai.APIStatusError) as caught:
            create(patient, "poet", **SHORT)

        self.assertEqual((caught.exception.status_code, len(sent)), (402, 2))
        self.assertEqual((caught.exception.code, caught.exception.type), ("insufficient_quota", "insufficient_quota"))

    def test_a_stream_costs_and_is_refused_alike(self):
        asked = client(**{**CONFIGURED, "api_key": limited(budget_microusd=200, budget_period="day")})

        list(create(asked, "poet", stream=True, **SHORT))
        with self.assertRaises(openai.APIStatusError) as caught:
            create(asked, "poet", stream=True, **SHORT)

        self.assertEqual(caught.exception.status_code, 402)

    def test_a_model_without_a_price_is_not_free(self):
        asked = client(**{**CONFIGURED, "api_key": limited(budget_microusd=1_000_000, budget_period="day")})

        with self.assertRaises(openai.PermissionDeniedError):
            create(asked, "scripted/echo:unpriced")

        self.assertEqual(seen("echo:unpriced")["count"], 0)


class Rates(unittest.TestCase):
    def test_requests_a_minute_are_counted_down_and_refused(self):
        asked = client(**{**CONFIGURED, "api_key": limited(rpm=2)})
        with_raw = asked.chat.completions.with_raw_response

        plain = with_raw.create(model="poet", messages=HELLO).headers
        stream = with_raw.create(model="poet", messages=HELLO, stream=True).headers
        with self.assertRaises(openai.RateLimitError) as caught:
            create(asked, "poet")

        refusal = caught.exception.response.headers
        self.assertEqual(caught.exception.code, "rate_limit_exceeded")
        self.assertGreater(float(refusal["retry-after"]), 0)
        told = [headers["x-ratelimit-remaining-requests"] for headers in (plain, stream, refusal)]
        self.assertEqual(told, ["1", "0", "0"])
        for headers in (plain, stream, refusal):
            self.assertEqual(headers["x-ratelimit-limit-requests"], "2")
            self.assertRegex(headers["x-ratelimit-reset-requests"], r"^(\d+(\.\d+)?(ms|s|m|h))+$")

    def test_a_request_that_never_fits_is_a_bad_one(self):
        asked = client(**{**CONFIGURED, "api_key": limited(tpm=100)})

        with self.assertRaises(openai.BadRequestError):
            create(asked, "poet", max_tokens=1000)


def limited(**limits):
    return a_key(CONFIGURED_BASE_URL, CONFIGURED_ACCESS_TOKEN, **limits)
