// Comments in the silence of an upstream: nobody hears them but whoever waits.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { streamText } from 'ai';

import { CONFIGURED, CONFIGURED_API_KEY, CONFIGURED_BASE_URL, CONTENT, client, create, gather } from './support.mjs';

const MODELS = ['scripted/quiet:node-keepalive', 'scripted/hesitant:node-keepalive'];

test('the packages do not hear it', async () => {
  const provider = createOpenAICompatible({
    name: 'concierge',
    baseURL: CONFIGURED_BASE_URL,
    apiKey: CONFIGURED_API_KEY,
  });
  for (const name of MODELS) {
    const { text } = await gather(await create(client(CONFIGURED), name, { stream: true }));
    const result = streamText({ model: provider(name), prompt: 'Hello', maxRetries: 0 });

    assert.equal(text, CONTENT);
    assert.equal(await result.text, CONTENT);
  }
});

test('comments come while the upstream is silent', async () => {
  for (const name of MODELS) {
    const response = await create(client(CONFIGURED), name, { stream: true }).asResponse();

    const comments = (await response.text()).split('\n').filter((line) => line === ': keep-alive');

    assert.ok(comments.length >= 2, `${name}: ${comments.length}`);
  }
});
