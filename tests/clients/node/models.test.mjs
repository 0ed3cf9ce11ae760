// The list of models through the official client.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI from 'openai';

import { client, failure } from './support.mjs';

test('the list holds what the upstream lists', async () => {
  const ids = [];

  for await (const model of client().models.list()) ids.push(model.id);

  for (const id of ['echo', 'tools', 'vendor/echo']) assert.ok(ids.includes(id), id);
});

test('one model can be asked for', async () => {
  const model = await client().models.retrieve('echo');

  assert.equal(model.id, 'echo');
  assert.equal(model.object, 'model');
});

test('a slash in the name is no obstacle', async () => {
  assert.equal((await client().models.retrieve('vendor/echo')).id, 'vendor/echo');
});

test('an unknown model is not found', async () => {
  const error = await failure(client().models.retrieve('nobody-knows-it'));

  assert.ok(error instanceof OpenAI.NotFoundError, String(error));
  assert.equal(error.code, 'model_not_found');
});
