// What the official package adds to plain calls: runners, parsed answers, raw responses.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { z } from 'zod';

import {
  CALLS,
  CONFIGURED,
  CONTENT,
  HELLO,
  THOUGHT,
  client,
  create,
  eventually,
  failure,
  gather,
  seen,
} from './support.mjs';

const Place = z.object({ city: z.string(), degrees: z.number() });
const WIEN = { city: 'Wien', degrees: 21 };

/** Two tools, and what they were called with. */
function tools() {
  const called = [];
  const tool = (name, parameters, answer) => ({
    type: 'function',
    function: {
      name,
      parameters,
      parse: JSON.parse,
      function: (given) => {
        called.push([name, given]);
        return answer;
      },
    },
  });
  const city = { type: 'object', properties: { city: { type: 'string' } } };
  return {
    called,
    tools: [tool('weather', city, '21 degrees'), tool('clock', { type: 'object', properties: {} }, 'noon')],
  };
}

test('the helper tells content as it comes and gathers the whole', async () => {
  const deltas = [];
  const runner = client().chat.completions.stream({ model: 'echo', messages: HELLO });
  runner.on('content', (delta) => deltas.push(delta));

  const completion = await runner.finalChatCompletion();

  assert.equal(deltas.join(''), CONTENT);
  assert.equal(completion.choices[0].message.content, CONTENT);
  assert.equal(completion.choices[0].finish_reason, 'stop');
});

test('the helper knows the usage of a stream that asked for it', async () => {
  const options = { stream_options: { include_usage: true } };

  const runner = client().chat.completions.stream({ model: 'echo', messages: HELLO, ...options });

  assert.equal((await runner.totalUsage()).total_tokens, 18);
});

test('tools are run and their results go back', async () => {
  for (const stream of [false, true]) {
    const { tools: given, called } = tools();
    const model = `tools:node-run-${stream}`;
    const runner = client().chat.completions.runTools({ model, messages: HELLO, tools: given, stream });

    assert.equal(await runner.finalContent(), CONTENT);

    assert.deepEqual(called.sort(), [['clock', {}], ['weather', { city: 'Wien' }]]);
    const { messages } = JSON.parse((await seen(model)).last.body);
    assert.deepEqual(
      messages.map(({ role, tool_call_id: id, content }) => [role, id, content]).slice(2),
      [['tool', 'call_a', '21 degrees'], ['tool', 'call_b', 'noon']],
    );
    assert.deepEqual(
      messages[1].tool_calls.map((call) => ({ id: call.id, ...call.function })),
      CALLS,
    );
  }
});

test('a structured answer is parsed, whole or streamed', async () => {
  const format = { response_format: zodResponseFormat(Place, 'place') };

  const plain = await client().chat.completions.parse({ model: 'json:node', messages: HELLO, ...format });
  const runner = client().chat.completions.stream({ model: 'json:node', messages: HELLO, ...format });
  const streamed = await runner.finalChatCompletion();

  assert.deepEqual(plain.choices[0].message.parsed, WIEN);
  assert.deepEqual(streamed.choices[0].message.parsed, WIEN);
  const arrived = JSON.parse((await seen('json:node')).last.body);
  assert.equal(arrived.response_format.json_schema.name, 'place');
});

test('two choices come whole and take turns in a stream', async () => {
  const plain = await create(client(), 'echo', { n: 2 });
  const texts = ['', ''];
  for await (const chunk of await create(client(), 'echo', { n: 2, stream: true })) {
    for (const choice of chunk.choices) texts[choice.index] += choice.delta.content ?? '';
  }

  assert.deepEqual(plain.choices.map((choice) => choice.message.content), [CONTENT, CONTENT]);
  assert.deepEqual(texts, [CONTENT, CONTENT]);
});

test('reasoning passes beside the content', async () => {
  const plain = await create(client(), 'reasoning');
  const { chunks, text } = await gather(await create(client(), 'reasoning', { stream: true }));

  const thought = chunks.map((chunk) => chunk.choices[0].delta.reasoning_content ?? '').join('');
  assert.equal(plain.choices[0].message.reasoning_content, THOUGHT);
  assert.deepEqual([thought, text], [THOUGHT, CONTENT]);
});

test('the head of a stream carries its headers', async () => {
  const { data, response } = await create(client(), 'echo', { stream: true }).withResponse();

  assert.ok(response.headers.get('x-request-id'));
  assert.equal(response.headers.get('x-upstream-request-id'), 'req_scripted');
  assert.equal(response.headers.get('x-accel-buffering'), 'no');
  assert.equal((await gather(data)).text, CONTENT);
});

test('a body can be read as it comes', async () => {
  const response = await create(client(), 'echo', { stream: true }).asResponse();

  const frames = (await response.text()).trimEnd().split('\n\n');
  assert.equal(frames.at(-1), 'data: [DONE]');
  assert.ok(frames.every((frame) => /^(data: |:)/.test(frame)), frames.join('\n'));
});

test('a cut stream rejects the helper', async () => {
  for (const model of ['cut:node-helper', 'error-event:node-helper']) {
    const runner = client().chat.completions.stream({ model, messages: HELLO });

    const error = await failure(runner.finalChatCompletion());

    assert.ok(error instanceof OpenAI.OpenAIError, String(error));
  }
});

test('aborting the helper ends it upstream', async () => {
  const runner = client().chat.completions.stream({ model: 'endless:node-helper', messages: HELLO });
  runner.on('content', () => runner.abort());

  const error = await failure(runner.finalChatCompletion());

  assert.ok(error instanceof OpenAI.APIUserAbortError, String(error));
  assert.ok(await eventually(async () => (await seen('endless:node-helper')).hangups === 1));
});

test('a public name is the name that answers', async () => {
  const plain = await create(client(CONFIGURED), 'poet');
  const { chunks } = await gather(await create(client(CONFIGURED), 'poet', { stream: true }));

  assert.equal(plain.model, 'poet');
  assert.deepEqual([...new Set(chunks.map((chunk) => chunk.model))], ['poet']);
});
