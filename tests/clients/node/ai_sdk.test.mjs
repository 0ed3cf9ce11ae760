// The AI SDK by way of `@ai-sdk/openai-compatible`: text, tools, objects, reasoning, errors, leaving.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import {
  APICallError,
  Output,
  RetryError,
  generateObject,
  generateText,
  stepCountIs,
  streamObject,
  streamText,
  tool,
} from 'ai';
import { z } from 'zod';

import {
  API_KEY,
  BASE_URL,
  CONFIGURED_API_KEY,
  CONFIGURED_BASE_URL,
  CONTENT,
  THOUGHT,
  eventually,
  failure,
  seen,
} from './support.mjs';

const Place = z.object({ city: z.string(), degrees: z.number() });
const WIEN = { city: 'Wien', degrees: 21 };
const CALLS = [['weather', 'call_a', { city: 'Wien' }], ['clock', 'call_b', {}]];

globalThis.AI_SDK_LOG_WARNINGS = false;

function provider(options = {}) {
  return createOpenAICompatible({
    name: 'concierge',
    baseURL: BASE_URL,
    apiKey: API_KEY,
    includeUsage: true,
    supportsStructuredOutputs: true,
    ...options,
  });
}

/** What a call needs; without retries, so that a test sees the first answer. */
function asking(model, more = {}) {
  return { model: provider()(model), prompt: 'Hello', maxRetries: 0, ...more };
}

/** Two tools that are run, and what they were called with. */
function tools() {
  const called = [];
  const run = (name, answer) => async (input) => {
    called.push([name, input]);
    return answer;
  };
  const weather = tool({ inputSchema: z.object({ city: z.string() }), execute: run('weather', '21 degrees') });
  const clock = tool({ inputSchema: z.object({}), execute: run('clock', 'noon') });
  return { called, tools: { weather, clock } };
}

async function partsOf(result) {
  const parts = [];
  for await (const part of result.fullStream) parts.push(part);
  return parts;
}

test('a text comes whole with its usage', async () => {
  const result = await generateText(asking('echo'));

  assert.equal(result.text, CONTENT);
  assert.equal(result.finishReason, 'stop');
  assert.deepEqual([result.usage.inputTokens, result.usage.outputTokens], [11, 7]);
  assert.equal(result.usage.inputTokenDetails.cacheReadTokens, 4);
  assert.equal(result.usage.outputTokenDetails.reasoningTokens, 2);
  assert.equal(result.response.modelId, 'echo');
  assert.ok(result.response.headers['x-request-id']);
});

test('a text comes in pieces with its usage', async () => {
  const result = streamText(asking('crumbs'));
  const pieces = [];
  for await (const piece of result.textStream) pieces.push(piece);

  const usage = await result.usage;
  assert.ok(pieces.length > 3);
  assert.equal(pieces.join(''), CONTENT);
  assert.equal(await result.finishReason, 'stop');
  assert.deepEqual([usage.inputTokens, usage.outputTokens], [11, 7]);
});

test('a stream that did not ask for usage is told none', async () => {
  const model = provider({ includeUsage: false })('echo');

  const result = streamText(asking('echo', { model }));
  await result.consumeStream();

  assert.equal((await result.usage).inputTokens, undefined);
});

test('reasoning passes as reasoning', async () => {
  const plain = await generateText(asking('reasoning'));
  const parts = await partsOf(streamText(asking('reasoning')));

  const joined = (type) => parts.filter((part) => part.type === type).map((part) => part.text).join('');
  assert.deepEqual([plain.reasoningText, plain.text], [THOUGHT, CONTENT]);
  assert.deepEqual([joined('reasoning-delta'), joined('text-delta')], [THOUGHT, CONTENT]);
});

test('fragments of parallel calls are put together', async () => {
  const parts = await partsOf(streamText(asking('tools', { tools: tools().tools })));

  const calls = parts.filter((part) => part.type === 'tool-call');
  assert.deepEqual(
    calls.map((call) => [call.toolName, call.toolCallId, call.input]).sort((a, b) => a[1].localeCompare(b[1])),
    CALLS,
  );
  assert.equal(parts.at(-1).finishReason, 'tool-calls');
});

test('tools are run over several steps, whole or streamed', async () => {
  const steps = { stopWhen: stepCountIs(3) };
  const whole = tools();
  const streamed = tools();

  const plain = await generateText(asking('tools:ai-plain', { tools: whole.tools, ...steps }));
  const stream = streamText(asking('tools:ai-stream', { tools: streamed.tools, ...steps }));

  assert.deepEqual([plain.text, plain.steps.length], [CONTENT, 2]);
  assert.deepEqual([await stream.text, (await stream.steps).length], [CONTENT, 2]);
  assert.equal((await stream.totalUsage).totalTokens, 36);
  for (const [model, { called }] of [['tools:ai-plain', whole], ['tools:ai-stream', streamed]]) {
    assert.deepEqual(called.sort(), [['clock', {}], ['weather', { city: 'Wien' }]]);
    const { messages } = JSON.parse((await seen(model)).last.body);
    assert.deepEqual(
      messages.filter(({ role }) => role === 'tool').map(({ tool_call_id: id }) => id),
      ['call_a', 'call_b'],
    );
  }
});

test('an object is generated, whole or streamed', async () => {
  const plain = await generateObject(asking('json:ai', { schema: Place }));
  const stream = streamObject(asking('json:ai', { schema: Place }));
  const partial = [];
  for await (const object of stream.partialObjectStream) partial.push(object);
  const output = await generateText(asking('json:ai', { output: Output.object({ schema: Place }) }));

  assert.deepEqual(plain.object, WIEN);
  assert.deepEqual(partial.at(-1), WIEN);
  assert.deepEqual(await stream.object, WIEN);
  assert.deepEqual(output.output, WIEN);
  const { response_format: format } = JSON.parse((await seen('json:ai')).last.body);
  assert.equal(format.type, 'json_schema');
});

test('a refusal is an error that tells its status and its words', async () => {
  const wanted = { 'status-400:ai': [400, false], 'status-500:ai': [500, true], 'nobody-at-all': [404, false] };
  for (const [model, [status, isRetryable]] of Object.entries(wanted)) {
    const error = await failure(generateText(asking(model)));

    assert.ok(APICallError.isInstance(error), String(error));
    assert.deepEqual([error.statusCode, error.isRetryable], [status, isRetryable]);
    assert.ok(error.data.error.message);
    assert.ok(error.responseHeaders['x-request-id']);
  }
});

test('a wrong key is told as one', async () => {
  const error = await failure(generateText(asking('echo', { model: provider({ apiKey: 'sk-cg-no' })('echo') })));

  assert.equal(error.statusCode, 401);
  assert.equal(error.data.error.code, 'invalid_api_key');
});

test('a rate limit is asked again, and given up', async () => {
  const impatient = provider({ baseURL: CONFIGURED_BASE_URL, apiKey: CONFIGURED_API_KEY });
  const once = { model: impatient('scripted/brief-once:ai'), maxRetries: 2 };
  const always = { model: impatient('scripted/brief:ai'), maxRetries: 1 };

  const result = await generateText(asking('', once));
  const error = await failure(generateText(asking('', always)));

  assert.equal(result.text, CONTENT);
  assert.equal((await seen('brief-once:ai')).count, 2);
  assert.ok(RetryError.isInstance(error), String(error));
  assert.deepEqual(error.errors.map(({ statusCode }) => statusCode), [429, 429]);
});

test('a stream that breaks off is an error and no clean end', async () => {
  for (const model of ['cut:ai', 'cut-clean:ai', 'error-event:ai']) {
    const parts = await partsOf(streamText(asking(model, { onError: () => {} })));

    const text = parts.filter((part) => part.type === 'text-delta').map((part) => part.text).join('');
    assert.equal(text, 'Grüße aus der Küche: ');
    assert.ok(parts.some((part) => part.type === 'error'), `${model} has no error`);
    assert.ok(!parts.some((part) => part.finishReason === 'stop'), `${model} ends as if it were whole`);
  }
});

test('aborting ends it upstream, in a stream and in the wait', async () => {
  const leave = new AbortController();
  const stream = streamText(asking('endless:ai', { abortSignal: leave.signal, onError: () => {} }));
  for await (const part of stream.fullStream) {
    if (part.type === 'text-delta') leave.abort();
  }
  const wait = new AbortController();
  const waiting = failure(generateText(asking('silent:ai', { abortSignal: wait.signal })));
  assert.ok(await eventually(async () => (await seen('silent:ai')).count === 1));

  wait.abort();

  assert.equal((await waiting).name, 'AbortError');
  assert.ok(await eventually(async () => (await seen('endless:ai')).hangups === 1));
  assert.ok(await eventually(async () => (await seen('silent:ai')).hangups === 1));
});
