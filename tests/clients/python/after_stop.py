"""What the official client says when the server has stopped."""

import unittest

import openai
from support import HELLO, client


class Stopped(unittest.TestCase):
    def test_nobody_listens_any_more(self):
        with self.assertRaises(openai.APIConnectionError):
            client().chat.completions.create(model="echo", messages=HELLO)
