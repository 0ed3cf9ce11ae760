"""Whoever has tried every target says so: the official client does not multiply the attempts."""

import unittest

import openai
from support import counting_client, create, seen


class Exhausted(unittest.TestCase):
    def test_a_server_that_has_tried_enough_is_not_asked_again(self):
        for script in ("status-500", "status-503", "reset"):
            for stream in (False, True):
                patient, sent = counting_client(max_retries=2)
                model = f"{script}:signals-{stream}"

                with self.subTest(model), self.assertRaises(openai.InternalServerError) as caught:
                    create(patient, model, stream=stream)

                self.assertEqual(caught.exception.response.headers["x-should-retry"], "false")
                self.assertEqual(len(sent), 1)

    def test_a_lone_target_is_tried_more_than_once_behind_the_scenes(self):
        patient, sent = counting_client(max_retries=0)

        with self.assertRaises(openai.InternalServerError):
            create(patient, "status-500:lone")

        self.assertIn(seen("status-500:lone")["count"], (2, 3, 4))
        self.assertEqual(len(sent), 1)

    def test_who_was_asked_to_come_back_may_come_back(self):
        patient, sent = counting_client(max_retries=0)

        with self.assertRaises(openai.RateLimitError) as caught:
            create(patient, "status-429:signals")

        self.assertNotEqual(caught.exception.response.headers.get("x-should-retry"), "false")
