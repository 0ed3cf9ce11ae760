// What the official client says when the server has stopped.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI from 'openai';

import { client, create, failure } from './support.mjs';

test('nobody listens any more', async () => {
  const error = await failure(create(client(), 'echo'));

  assert.ok(error instanceof OpenAI.APIConnectionError, String(error));
});
