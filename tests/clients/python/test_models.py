"""The list of models through the official client."""

import unittest

import openai
from support import client


class Models(unittest.TestCase):
    def test_the_list_holds_what_the_upstream_lists(self):
        models = list(client().models.list())

        self.assertLessEqual({"echo", "tools", "vendor/echo"}, {model.id for model in models})
        self.assertEqual({model.object for model in models}, {"model"})

    def test_one_model_can_be_asked_for(self):
        model = client().models.retrieve("echo")

        self.assertEqual((model.id, model.object), ("echo", "model"))

    def test_a_slash_in_the_name_is_no_obstacle(self):
        self.assertEqual(client().models.retrieve("vendor/echo").id, "vendor/echo")

    def test_an_unknown_model_is_not_found(self):
        with self.assertRaises(openai.NotFoundError) as caught:
            client().models.retrieve("nobody-knows-it")

        self.assertEqual(caught.exception.code, "model_not_found")

    def test_the_list_is_not_for_strangers(self):
        with self.assertRaises(openai.AuthenticationError):
            client(api_key="sk-cg-made-up").models.list()
