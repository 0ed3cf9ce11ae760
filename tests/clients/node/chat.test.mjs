// Chat completions through the official client: plain, streamed, with tools.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI from 'openai';

import {
  ACCESS_TOKEN,
  API_KEY,
  CALLS,
  CONTENT,
  SHORT_BASE_URL,
  client,
  create,
  eventually,
  failure,
  gather,
  seen,
} from './support.mjs';

test('an answer comes whole with usage and request id', async () => {
  const answer = await create(client(), 'echo');

  assert.equal(answer.choices[0].message.content, CONTENT);
  assert.equal(answer.choices[0].finish_reason, 'stop');
  assert.equal(answer.model, 'echo');
  assert.equal(answer.usage.total_tokens, 18);
  assert.equal(answer.usage.prompt_tokens_details.cached_tokens, 4);
  assert.ok(answer._request_id);
});

test('fields that nobody knows pass both ways', async () => {
  const odd = { top_k: 40, chat_template_kwargs: { deep: [{ a: null }] } };

  const answer = await create(client(), 'echo:node-unknown', odd);

  const arrived = JSON.parse((await seen('echo:node-unknown')).last.body);
  assert.equal(arrived.top_k, 40);
  assert.deepEqual(arrived.chat_template_kwargs, odd.chat_template_kwargs);
  assert.deepEqual(answer.x_vendor, { kept: true });
});

test('the upstream gets its own key and not ours', async () => {
  await create(client(), 'echo:node-credentials');

  const { headers } = (await seen('echo:node-credentials')).last;
  assert.equal(headers.authorization, 'Bearer sk-upstream');
  assert.ok(!JSON.stringify(headers).includes(API_KEY));
});

test('an access token serves as a key', async () => {
  const answer = await create(client({ apiKey: ACCESS_TOKEN }), 'echo');

  assert.equal(answer.choices[0].message.content, CONTENT);
});

test('raw responses show the headers', async () => {
  const headers = { 'X-Request-Id': 'from-the-caller-2' };

  const { data, response } = await create(client(), 'echo', {}, { headers }).withResponse();

  assert.equal(data.choices[0].message.content, CONTENT);
  assert.equal(response.headers.get('x-request-id'), 'from-the-caller-2');
  assert.equal(response.headers.get('x-content-type-options'), 'nosniff');
});

test('tool calls come whole', async () => {
  const { message } = (await create(client(), 'tools')).choices[0];

  assert.equal(message.content, null);
  assert.deepEqual(
    message.tool_calls.map((call) => ({ id: call.id, ...call.function })),
    CALLS,
  );
});

test('the short path is the same service', async () => {
  const short = client({ baseURL: SHORT_BASE_URL });

  const plain = await create(short, 'echo');
  const streamed = await gather(await create(short, 'echo', { stream: true }));

  assert.equal(plain.choices[0].message.content, CONTENT);
  assert.equal(streamed.text, CONTENT);
});

test('the pieces of a stream add up and end with a reason', async () => {
  const { chunks, text } = await gather(await create(client(), 'echo', { stream: true }));

  assert.equal(text, CONTENT);
  assert.equal(chunks[0].choices[0].delta.role, 'assistant');
  assert.equal(chunks.at(-1).choices[0].finish_reason, 'stop');
});

test('usage stays away when nobody asked', async () => {
  for (const more of [{}, { stream_options: { include_usage: false } }]) {
    const { chunks } = await gather(await create(client(), 'echo', { stream: true, ...more }));

    assert.ok(chunks.every((chunk) => chunk.choices.length === 1));
    assert.ok(chunks.every((chunk) => !('usage' in chunk)));
  }
});

test('usage comes once when asked', async () => {
  const more = { stream: true, stream_options: { include_usage: true } };

  const { chunks } = await gather(await create(client(), 'echo', more));

  const told = chunks.filter((chunk) => chunk.usage);
  assert.equal(told.length, 1);
  assert.equal(told[0], chunks.at(-1));
  assert.equal(told[0].usage.total_tokens, 18);
  assert.deepEqual(told[0].choices, []);
});

test('characters split over packets stay whole', async () => {
  const { text } = await gather(await create(client(), 'crumbs', { stream: true }));

  assert.equal(text, CONTENT);
});

test('pieces arrive while the model still writes', async () => {
  const arrivals = [];

  for await (const chunk of await create(client(), 'slow', { stream: true })) {
    if (chunk.choices[0].delta.content) arrivals.push(Date.now());
  }

  assert.equal(arrivals.length, 5);
  assert.ok(arrivals.at(-1) - arrivals[0] > 400, `all within ${arrivals.at(-1) - arrivals[0]} ms`);
});

test('the helper of the package puts parallel tool calls together', async () => {
  const tools = CALLS.map(({ name }) => ({ type: 'function', function: { name, parameters: {} } }));
  const runner = client().chat.completions.stream({
    model: 'tools',
    messages: [{ role: 'user', content: 'Hello' }],
    tools,
  });

  const { message, finish_reason: finish } = (await runner.finalChatCompletion()).choices[0];

  assert.equal(finish, 'tool_calls');
  assert.deepEqual(
    message.tool_calls.map((call) => ({
      id: call.id,
      name: call.function.name,
      arguments: call.function.arguments,
    })),
    CALLS,
  );
});

test('leaving a stream ends it upstream', async () => {
  const stream = await create(client(), 'endless:node', { stream: true });

  for await (const chunk of stream) {
    if (chunk.choices[0].delta.content) break;
  }

  assert.ok(await eventually(async () => (await seen('endless:node')).hangups === 1));
});

test('a request that is aborted while it waits ends upstream', async () => {
  const leave = new AbortController();
  const waiting = failure(create(client(), 'silent:node', {}, { signal: leave.signal }));
  assert.ok(await eventually(async () => (await seen('silent:node')).count === 1));

  leave.abort();

  assert.ok((await waiting) instanceof OpenAI.APIUserAbortError);
  assert.ok(await eventually(async () => (await seen('silent:node')).hangups === 1));
});
