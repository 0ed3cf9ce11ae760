// Every class of error that the official client knows, and the envelope that it reads.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI from 'openai';

import {
  CONFIGURED,
  ENVELOPE,
  SHORT_BASE_URL,
  client,
  create,
  failure,
  seen,
} from './support.mjs';

function assertFailure(error, kind, status) {
  assert.ok(error instanceof kind, `${error.constructor.name}: ${error.message}`);
  assert.equal(error.status, status);
  assert.deepEqual(Object.keys(error.error).sort(), ENVELOPE);
  assert.ok(error.requestID);
}

test('a wrong key is an authentication error', async () => {
  for (const apiKey of ['sk-cg-wrong', 'nonsense', 'a.b.c']) {
    const error = await failure(create(client({ apiKey }), 'echo'));

    assertFailure(error, OpenAI.AuthenticationError, 401);
  }
});

test('bad types are bad requests and cost nothing', async () => {
  for (const members of [{ max_tokens: 'many' }, { max_tokens: -1 }, { stream: 'yes' }, { model: 5 }]) {
    const error = await failure(create(client(), 'echo:node-bad-types', members));

    assertFailure(error, OpenAI.BadRequestError, 400);
    assert.equal(error.type, 'invalid_request_error');
  }
  assert.equal((await seen('echo:node-bad-types')).count, 0);
});

test('an unknown route is not found', async () => {
  const error = await failure(client({ baseURL: SHORT_BASE_URL }).post('/no/such/route', { body: {} }));

  assertFailure(error, OpenAI.NotFoundError, 404);
});

test('what the caller did wrong upstream passes as it is', async () => {
  const classes = {
    400: OpenAI.BadRequestError,
    403: OpenAI.PermissionDeniedError,
    404: OpenAI.NotFoundError,
    409: OpenAI.ConflictError,
    413: OpenAI.APIError,
    422: OpenAI.UnprocessableEntityError,
  };
  for (const [status, kind] of Object.entries(classes)) {
    const error = await failure(create(client(), `status-${status}:node`));

    assertFailure(error, kind, Number(status));
    assert.equal((await seen(`status-${status}:node`)).count, 1);
  }
});

test('a stream that is refused rejects at once', async () => {
  const error = await failure(create(client(), 'status-400:node-stream', { stream: true }));

  assertFailure(error, OpenAI.BadRequestError, 400);
});

test('our bad key and our empty account upstream are not the caller’s', async () => {
  const wanted = {
    'status-401:node': [502, 'upstream_auth'],
    'status-402:node': [503, 'upstream_quota'],
    'quota:node': [503, 'upstream_quota'],
  };
  for (const [model, [status, code]] of Object.entries(wanted)) {
    const error = await failure(create(client(), model));

    assertFailure(error, OpenAI.InternalServerError, status);
    assert.equal(error.code, code);
  }
});

test('upstream failures keep their status and their secrets', async () => {
  const statuses = { 500: 500, 502: 502, 503: 503, 504: 504, 529: 503 };
  for (const [said, status] of Object.entries(statuses)) {
    const error = await failure(create(client(), `status-${said}:node`));

    assertFailure(error, OpenAI.InternalServerError, status);
    assert.ok(!JSON.stringify(error.error).includes('db-17'));
  }
});

test('broken answers are bad gateways', async () => {
  for (const model of ['redirect:node', 'reset:node', 'short:node']) {
    const error = await failure(create(client(), model));

    assertFailure(error, OpenAI.InternalServerError, 502);
    assert.equal(error.code, 'upstream_error');
  }
});

test('a model that is late times out on our side', async () => {
  const error = await failure(create(client(CONFIGURED), 'late', { stream: true }));

  assertFailure(error, OpenAI.InternalServerError, 504);
  assert.equal(error.code, 'upstream_timeout');
});

test('a rate limit tells when to come back', async () => {
  const error = await failure(create(client(), 'status-429:node'));

  assertFailure(error, OpenAI.RateLimitError, 429);
  assert.equal(error.headers.get('retry-after'), '30');
});

test('a cut stream is an error and no clean end', async () => {
  for (const model of ['cut:node', 'cut-clean:node', 'error-event:node']) {
    const pieces = [];
    const error = await failure(
      (async () => {
        for await (const chunk of await create(client(), model, { stream: true })) {
          pieces.push(chunk.choices[0].delta.content ?? '');
          assert.equal(chunk.choices[0].finish_reason, null);
        }
      })(),
    );

    assert.ok(error instanceof OpenAI.APIError, `${model}: ${error}`);
    assert.equal(pieces.join(''), 'Grüße aus der Küche: ');
    assert.deepEqual(Object.keys(error.error).sort(), ENVELOPE);
  }
});
