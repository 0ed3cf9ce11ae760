// Users of Better Auth (the real package, in issuer.mjs), and of a frontend that shares its secret with us.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SignJWT } from 'jose';
import OpenAI from 'openai';

import { failure } from './support.mjs';

const ISSUERS = JSON.parse(process.env.ISSUER_URLS);
const SECRET = new TextEncoder().encode(process.env.ISSUER_SECRET);
const SERVER = process.env.ISSUED_SERVER_URL;
const PASSWORD = 'a-long-enough-passphrase-42';

/** How many have signed up: each has an address of their own. */
let people = 0;

/** Asks our server with this token. */
async function ask(token, path = '/api/v1/auth/me') {
  const response = await fetch(SERVER + path, { headers: { authorization: `Bearer ${token}` } });
  return { status: response.status, body: await response.json() };
}

async function refused(token, what) {
  const { status, body } = await ask(token);
  assert.equal(status, 401, `${what}: ${JSON.stringify(body)}`);
  assert.equal(body.code, 'invalid_token', what);
}

/** A new user of an issuer: their session there, and what the browser was given. */
async function signUp(issuer, name) {
  people += 1;
  const body = { email: `${name}@${people}.example.com`, password: PASSWORD, name };
  const response = await post(issuer, '/api/auth/sign-up/email', body);
  assert.equal(response.status, 200, await response.clone().text());
  const session = response.headers.get('set-auth-token');
  const { id, email } = (await response.json()).user;
  return { id, email, session, cookies: response.headers.getSetCookie() };
}

function post(issuer, path, body, session) {
  const headers = { 'content-type': 'application/json', origin: issuer };
  if (session) headers.authorization = `Bearer ${session}`;
  return fetch(issuer + path, { method: 'POST', headers, body: JSON.stringify(body) });
}

/** The access token that the page asks its own server for. */
async function tokenOf(issuer, session) {
  const headers = { authorization: `Bearer ${session}` };
  const response = await fetch(`${issuer}/api/auth/token`, { headers });
  return response.ok ? (await response.json()).token : undefined;
}

/** A token that the issuer signs because its operator says so. */
async function signed(issuer, payload) {
  return (await (await post(issuer, '/sign', payload)).json()).token;
}

for (const [alg, issuer] of Object.entries(ISSUERS)) {
  test(`${alg}: three tokens are one user`, async () => {
    const user = await signUp(issuer, 'three-tokens');
    const ids = new Set();
    for (let turn = 0; turn < 3; turn += 1) {
      const { status, body } = await ask(await tokenOf(issuer, user.session));

      assert.equal(status, 200, JSON.stringify(body));
      assert.equal(body.email, user.email);
      assert.deepEqual([body.role, body.email_verified, body.name], ['user', false, 'three-tokens']);
      ids.add(body.id);
    }
    assert.equal(ids.size, 1);
    // The server's own Better Auth is the one with EdDSA; the others are issuers of `[[issuers]]`.
    assert.equal(ids.has(user.id), alg === 'EdDSA');
  });

  test(`${alg}: a token is for us, alone or among others`, async () => {
    const { id } = await signUp(issuer, 'audience');

    await refused(await signed(issuer, { sub: id, aud: 'https://elsewhere.example' }), 'another audience');
    const { status } = await ask(await signed(issuer, { sub: id, aud: ['https://elsewhere.example', issuer] }));
    assert.equal(status, 200);
  });
}

test('the same address at two issuers is two users', async () => {
  const found = [];
  for (const issuer of [ISSUERS.ES256, ISSUERS.RS256]) {
    const { id } = await signUp(issuer, 'twin');
    const said = { sub: id, aud: issuer, email: 'twin@example.com', emailVerified: true };
    found.push((await ask(await signed(issuer, said))).body);
  }

  const [one, other] = found;
  assert.deepEqual([one.email, one.email_verified], [other.email, other.email_verified]);
  assert.notEqual(one.id, other.id);
});

test('what else Better Auth hands out is no token for us', async () => {
  const { session, cookies } = await signUp(ISSUERS.EdDSA, 'other-tokens');
  const cookie = (name) => {
    const set = cookies.find((text) => text.startsWith(`better-auth.${name}=`));
    return decodeURIComponent(set.slice(set.indexOf('=') + 1, set.indexOf(';')));
  };

  const cache = cookie('session_data');
  assert.equal(JSON.parse(Buffer.from(cache.split('.')[0], 'base64url')).alg, 'HS256');
  await refused(cache, 'the session cache, signed with the secret that we know too');
  await refused(session.split('.')[0], 'the session token');
  await refused(cookie('session_token'), 'the signed cookie');
});

test('an administrator there is a user here', async () => {
  const { session } = await signUp(ISSUERS.EdDSA, 'root');
  const token = await tokenOf(ISSUERS.EdDSA, session);
  assert.equal(JSON.parse(Buffer.from(token.split('.')[1], 'base64url')).role, 'admin');

  assert.equal((await ask(token)).body.role, 'user');
  assert.equal((await ask(token, '/api/v1/users')).status, 403);
});

test('an administrator of an issuer that is trusted with it is one here', async () => {
  const { session } = await signUp(ISSUERS.PS256, 'root');
  const token = await tokenOf(ISSUERS.PS256, session);

  assert.equal((await ask(token)).body.role, 'admin');
  assert.equal((await ask(token, '/api/v1/users')).status, 200);
});

test('a ban is heard of with the next token', async () => {
  const issuer = ISSUERS.EdDSA;
  const root = await signUp(issuer, 'root');
  const eve = await signUp(issuer, 'eve');
  const before = await tokenOf(issuer, eve.session);
  const banned = await post(issuer, '/api/auth/admin/ban-user', { userId: eve.id }, root.session);
  assert.equal(banned.status, 200, await banned.text());

  // As documented: a token of before lives until it ends, a quarter of an hour at most.
  assert.equal((await ask(before)).status, 200);
  assert.equal(await tokenOf(issuer, eve.session), undefined);
  const next = await ask(await signed(issuer, { sub: eve.id, aud: issuer, banned: true }));
  assert.deepEqual([next.status, next.body.code], [403, 'account_disabled']);
});

test('a frontend that shares its secret needs a subject and an end', async () => {
  const sign = (payload) => new SignJWT(payload).setProtectedHeader({ alg: 'HS256' });
  const token = await sign({ sub: 'user-of-the-frontend' }).setExpirationTime('15m').sign(SECRET);

  const { status, body } = await ask(token);
  assert.equal(status, 200, JSON.stringify(body));
  assert.equal(body.id, 'user-of-the-frontend');
  assert.equal(body.email, null);
  await refused(await sign({ sub: 'user-of-the-frontend' }).sign(SECRET), 'no end');
  await refused(await sign({}).setExpirationTime('15m').sign(SECRET), 'no subject');
  await refused(await sign({ sub: 'user-of-the-frontend' }).setExpirationTime(1).sign(SECRET), 'past');
  const other = new TextEncoder().encode('another-secret-of-more-than-32-bytes');
  await refused(await sign({ sub: 'x' }).setExpirationTime('15m').sign(other), 'another secret');
});

test('the official client takes such a token for its key', async () => {
  const { session } = await signUp(ISSUERS.EdDSA, 'client');
  const client = (apiKey) => new OpenAI({ apiKey, baseURL: `${SERVER}/api/v1`, maxRetries: 0 });
  const asked = { model: 'offline/echo', messages: [{ role: 'user', content: 'Hello' }] };

  const answer = await client(await tokenOf(ISSUERS.EdDSA, session)).chat.completions.create(asked);

  assert.ok(answer.choices[0].message.content);
  const error = await failure(client(session).chat.completions.create(asked));
  assert.ok(error instanceof OpenAI.AuthenticationError, String(error));
});
