// Embeddings through the official client and through the AI SDK.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { embed, embedMany } from 'ai';
import OpenAI from 'openai';

import { API_KEY, BASE_URL, client, failure, seen } from './support.mjs';

const FIRST = [0.25, -0.5, 1, 0];
const SECOND = [0.25, -0.5, 1, 1];

test('vectors come in order with their usage', async () => {
  const answer = await client().embeddings.create({ model: 'echo:node-embeddings', input: ['one', 'two'] });

  assert.deepEqual(answer.data.map(({ embedding }) => [...embedding]), [FIRST, SECOND]);
  assert.equal(answer.usage.prompt_tokens, 10);
  assert.equal(answer.model, 'echo:node-embeddings');
});

test('numbers instead of bytes, and tokens, pass as they are', async () => {
  const asked = { model: 'echo:node-embeddings-tokens', input: [[1, 2], [3]], encoding_format: 'float' };

  const answer = await client().embeddings.create(asked);

  assert.deepEqual(answer.data.map(({ embedding }) => embedding), [FIRST, SECOND]);
  assert.deepEqual(JSON.parse((await seen(asked.model)).last.body), asked);
});

test('errors have their types', async () => {
  const kinds = {
    'status-400:node-embeddings': OpenAI.BadRequestError,
    'status-429:node-embeddings': OpenAI.RateLimitError,
    'nobody-embeds': OpenAI.NotFoundError,
  };
  for (const [model, kind] of Object.entries(kinds)) {
    const error = await failure(client().embeddings.create({ model, input: 'one' }));

    assert.ok(error instanceof kind, String(error));
  }
});

test('the AI SDK embeds one text and many', async () => {
  const provider = createOpenAICompatible({ name: 'concierge', baseURL: BASE_URL, apiKey: API_KEY });
  const model = provider.embeddingModel('echo:ai-embeddings');

  const one = await embed({ model, value: 'one' });
  const many = await embedMany({ model, values: ['one', 'two'] });

  assert.deepEqual(one.embedding, FIRST);
  assert.equal(one.usage.tokens, 5);
  assert.deepEqual(many.embeddings, [FIRST, SECOND]);
});
