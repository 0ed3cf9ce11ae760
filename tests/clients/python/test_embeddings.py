"""Embeddings through the official client and through langchain-openai."""

import asyncio
import json
import unittest
from unittest.mock import patch

import openai
import tiktoken
from langchain_openai import OpenAIEmbeddings
from support import (
    ACCESS_TOKEN,
    BASE_URL,
    KEY,
    SHORT_BASE_URL,
    a_key,
    async_client,
    client,
    eventually,
    raw,
    seen,
)

FIRST, SECOND = [0.25, -0.5, 1.0, 0.0], [0.25, -0.5, 1.0, 1.0]
# One token for each byte: what langchain would count by has to be fetched first.
BYTES = tiktoken.Encoding(
    "bytes",
    pat_str="(?s:.)",
    mergeable_ranks={bytes([number]): number for number in range(256)},
    special_tokens={},
)


class Official(unittest.TestCase):
    def test_vectors_come_in_order_with_their_usage(self):
        answer = client().embeddings.create(model="echo:embeddings", input=["one", "two"])

        self.assertEqual([item.embedding for item in answer.data], [FIRST, SECOND])
        self.assertEqual((answer.usage.prompt_tokens, answer.model), (10, "echo:embeddings"))
        arrived = json.loads(seen("echo:embeddings")["last"]["body"])
        self.assertEqual((arrived["input"], arrived["encoding_format"]), (["one", "two"], "base64"))

    def test_numbers_instead_of_bytes_and_fields_that_nobody_knows_pass(self):
        answer = client().embeddings.create(
            model="echo:embeddings-floats",
            input="one",
            encoding_format="float",
            dimensions=4,
            extra_body={"input_type": "query"},
        )

        self.assertEqual(answer.data[0].embedding, FIRST)
        arrived = json.loads(seen("echo:embeddings-floats")["last"]["body"])
        self.assertEqual((arrived["dimensions"], arrived["input_type"]), (4, "query"))

    def test_tokens_pass_as_they_are(self):
        for tokens, vectors in (([[1, 2], [3]], 2), ([1, 2, 3], 1)):
            answer = client().embeddings.create(model="echo:embeddings-tokens", input=tokens)

            self.assertEqual(len(answer.data), vectors)
            self.assertEqual(json.loads(seen("echo:embeddings-tokens")["last"]["body"])["input"], tokens)

    def test_the_short_path_and_the_asynchronous_client_are_the_same_service(self):
        async def ask():
            async with async_client() as asynchronous:
                return await asynchronous.embeddings.create(model="echo", input="one")

        short = client(base_url=SHORT_BASE_URL).embeddings.create(model="echo", input="one")

        self.assertEqual(short.data[0].embedding, FIRST)
        self.assertEqual(asyncio.run(ask()).data[0].embedding, FIRST)

    def test_errors_have_their_types(self):
        kinds = {
            "status-400:embeddings": openai.BadRequestError,
            "status-401:embeddings": openai.InternalServerError,
            "status-429:embeddings": openai.RateLimitError,
            "nobody": openai.NotFoundError,
        }
        for model, kind in kinds.items():
            with self.subTest(model), self.assertRaises(kind) as caught:
                client().embeddings.create(model=model, input="one")

            self.assertEqual(set(caught.exception.body), {"message", "type", "param", "code"})
        with self.assertRaises(openai.AuthenticationError):
            client(api_key="sk-cg-wrong").embeddings.create(model="echo", input="one")
        with self.assertRaises(openai.PermissionDeniedError):
            key = a_key(BASE_URL, ACCESS_TOKEN, scopes=["models"])
            client(api_key=key).embeddings.create(model="echo", input="one")

    def test_usage_counts_what_was_used(self):
        client().embeddings.create(model="echo:embeddings-usage", input=["one", "two", "three"])

        def tokens():
            _, _, usage = raw("GET", f"{BASE_URL}/usage?group_by=model", headers={"Authorization": f"Bearer {KEY}"})
            return [i["prompt_tokens"] for i in usage["items"] if i["model"] == "echo:embeddings-usage"]

        self.assertTrue(eventually(lambda: tokens() == [15]), tokens())


class LangChain(unittest.TestCase):
    def test_documents_and_queries_are_embedded(self):
        embeddings = self.embeddings("echo:langchain", check_embedding_ctx_length=False)

        self.assertEqual(embeddings.embed_documents(["one", "two"]), [FIRST, SECOND])
        self.assertEqual(embeddings.embed_query("one"), FIRST)
        self.assertEqual(asyncio.run(embeddings.aembed_documents(["one"])), [FIRST])

    def test_texts_that_were_counted_first_come_as_tokens(self):
        embeddings = self.embeddings("echo:langchain-tokens")

        with patch("tiktoken.encoding_for_model", return_value=BYTES):
            vectors = embeddings.embed_documents(["ab", "c"])

        self.assertEqual(len(vectors), 2)
        arrived = json.loads(seen("echo:langchain-tokens")["last"]["body"])
        self.assertEqual(arrived["input"], [[97, 98], [99]])

    def embeddings(self, model, **options):
        return OpenAIEmbeddings(model=model, base_url=BASE_URL, api_key=KEY, max_retries=0, **options)
