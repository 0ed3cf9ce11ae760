// How often the official client asks again, and how long it waits.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI from 'openai';

import { CONFIGURED, CONTENT, countingClient, create, failure, gather, seen } from './support.mjs';

test('what the caller did wrong is asked once', async () => {
  for (const status of [400, 403, 404, 413, 422]) {
    const { patient, sent } = countingClient({ maxRetries: 2 });

    const error = await failure(create(patient, `status-${status}:node-retries`));

    assert.equal(error.status, status);
    assert.equal(sent.length, 1);
    assert.equal((await seen(`status-${status}:node-retries`)).count, 1);
  }
});

// The second server has no patience of its own: whoever asks to come back is told to the caller.
test('a rate limit lasts through the default retries', async () => {
  const { patient, sent } = countingClient({ ...CONFIGURED, maxRetries: undefined });

  const error = await failure(create(patient, 'scripted/brief:node'));

  assert.ok(error instanceof OpenAI.RateLimitError, String(error));
  assert.equal(error.headers.get('retry-after-ms'), '300');
  assert.deepEqual(
    sent.map(({ headers }) => headers.get('x-stainless-retry-count')),
    ['0', '1', '2'],
  );
});

test('milliseconds to wait go before seconds', async () => {
  const { patient, sent } = countingClient({ ...CONFIGURED, maxRetries: 2 });

  const { text } = await gather(await create(patient, 'scripted/brief-once:node', { stream: true }));

  const { at } = await seen('brief-once:node');
  assert.equal(text, CONTENT);
  assert.equal(sent.length, 2);
  assert.ok(at[1] - at[0] >= 0.29, `asked again after ${at[1] - at[0]} s`);
});

test('a rate limit in seconds lasts through the retries', async () => {
  const { patient, sent } = countingClient({ maxRetries: 1 });

  const error = await failure(create(patient, 'busy:node'));

  assert.ok(error instanceof OpenAI.RateLimitError, String(error));
  assert.equal(sent.length, 2);
});

test('a short rate limit is waited out', async () => {
  const { patient } = countingClient({ maxRetries: 2 });

  const answer = await create(patient, 'busy-once:node');

  assert.equal(answer.choices[0].finish_reason, 'stop');
});

test('a stream that breaks off is not begun again', async () => {
  const { patient, sent } = countingClient({ maxRetries: 2 });

  const error = await failure(
    (async () => gather(await create(patient, 'cut:node-once', { stream: true })))(),
  );

  assert.ok(error instanceof OpenAI.APIError, String(error));
  assert.equal(sent.length, 1);
  assert.equal((await seen('cut:node-once')).count, 1);
});
