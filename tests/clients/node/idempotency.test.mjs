// A key of the caller's own makes a request safe to repeat. The official client sends none by itself.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';

import OpenAI from 'openai';

import { CONTENT, client, create, failure, gather, seen } from './support.mjs';

function keyed(key = randomUUID()) {
  return { headers: { 'Idempotency-Key': key } };
}

test('the same key gives the same answer once', async () => {
  const options = keyed();

  const first = await create(client(), 'echo:node-keyed', {}, options).withResponse();
  const again = await create(client(), 'echo:node-keyed', {}, options).withResponse();

  assert.deepEqual(again.data, first.data);
  assert.equal(first.response.headers.get('idempotent-replayed'), null);
  assert.equal(again.response.headers.get('idempotent-replayed'), 'true');
  assert.equal((await seen('echo:node-keyed')).count, 1);
});

test('a stream is given again as a stream, also when both run at once', async () => {
  const options = keyed();
  const one = async () => gather(await create(client(), 'slow:node-keyed', { stream: true }, options));

  const texts = (await Promise.all([one(), one()])).map(({ text }) => text);

  assert.deepEqual(texts, [CONTENT, CONTENT]);
  assert.equal((await seen('slow:node-keyed')).count, 1);
});

test('another body under the same key is a conflict', async () => {
  const options = keyed();
  await create(client(), 'echo:node-keyed-other', {}, options);

  const error = await failure(create(client(), 'echo:node-keyed-other', { temperature: 1 }, options));

  assert.ok(error instanceof OpenAI.UnprocessableEntityError, String(error));
  assert.equal(error.code, 'idempotency_conflict');
});
