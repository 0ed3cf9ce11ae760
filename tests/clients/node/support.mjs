// What every test needs: clients of the server, and what the scripted upstream has seen.

import OpenAI from 'openai';

const { SERVER_URL, UPSTREAM_URL, API_KEY, ACCESS_TOKEN } = process.env;
const { CONFIGURED_SERVER_URL, CONFIGURED_API_KEY } = process.env;

export { API_KEY, ACCESS_TOKEN, CONFIGURED_API_KEY };
export const BASE_URL = `${SERVER_URL}/api/v1`;
export const SHORT_BASE_URL = `${SERVER_URL}/v1`;
/** A second server, with models of its own and little patience: see CONFIGURED in tests/clients/run. */
export const CONFIGURED_BASE_URL = `${CONFIGURED_SERVER_URL}/api/v1`;
export const CONFIGURED = { baseURL: CONFIGURED_BASE_URL, apiKey: CONFIGURED_API_KEY };
export const CONTENT = 'Grüße aus der Küche: 世界 👋, "quoted"\nand done.';
export const ENVELOPE = ['code', 'message', 'param', 'type'];
export const CALLS = [
  { id: 'call_a', name: 'weather', arguments: '{"city":"Wien"}' },
  { id: 'call_b', name: 'clock', arguments: '{}' },
];
export const THOUGHT = 'Let me think: 世界.';
export const HELLO = [{ role: 'user', content: 'Hello' }];

/** An official client; without retries, so that a test sees the first answer. */
export function client(options = {}) {
  return new OpenAI({ baseURL: BASE_URL, apiKey: API_KEY, maxRetries: 0, ...options });
}

/** A client, and the list of requests that it sends: retries count. */
export function countingClient(options = {}) {
  const sent = [];
  const counted = (url, init) => {
    sent.push({ url, headers: new Headers(init.headers) });
    return fetch(url, init);
  };
  return { patient: client({ fetch: counted, ...options }), sent };
}

export function create(asked, model, more = {}, options = {}) {
  return asked.chat.completions.create({ model, messages: HELLO, ...more }, options);
}

/** How often the upstream was asked for a model, how often left, and the last request. */
export async function seen(model) {
  const answer = await fetch(`${UPSTREAM_URL}/admin/seen?model=${encodeURIComponent(model)}`);
  return answer.json();
}

/** Whether something comes true within some milliseconds. */
export async function eventually(holds, within = 10_000) {
  const deadline = Date.now() + within;
  while (Date.now() < deadline) {
    if (await holds()) return true;
    await new Promise((resume) => setTimeout(resume, 20));
  }
  return holds();
}

/** Every chunk of a stream, and their text. */
export async function gather(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  const text = chunks.map((chunk) => chunk.choices[0]?.delta?.content ?? '').join('');
  return { chunks, text };
}

/** The error that a promise ends with. */
export async function failure(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}
