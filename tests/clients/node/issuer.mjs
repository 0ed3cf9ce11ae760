// Better Auth itself, four times: one for each algorithm, on ports of their own. Accounts are kept in
// memory. Prints one line of JSON with their addresses.

import { createServer } from 'node:http';

import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { toNodeHandler } from 'better-auth/node';
import { admin, bearer, jwt } from 'better-auth/plugins';

const ALGORITHMS = ['EdDSA', 'ES256', 'RS256', 'PS256'];
const TABLES = ['user', 'session', 'account', 'verification', 'jwks'];

/** A server whose users may ask for tokens, and whose operator (`POST /sign`) may sign anything. */
async function start(alg) {
  const server = createServer();
  await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
  const url = `http://127.0.0.1:${server.address().port}`;
  const auth = betterAuth({
    baseURL: url,
    secret: process.env.ISSUER_SECRET,
    database: memoryAdapter(Object.fromEntries(TABLES.map((name) => [name, []]))),
    emailAndPassword: { enabled: true },
    session: { cookieCache: { enabled: true, strategy: 'jwt' } },
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    plugins: [jwt({ jwks: { keyPairConfig: { alg } } }), bearer(), admin()],
    databaseHooks: {
      user: { create: { before: async (user) => ({ data: { ...user, ...promoted(user) } }) } },
    },
  });
  const handle = toNodeHandler(auth);
  server.on('request', (request, response) => {
    if (request.url === '/sign') return sign(auth, request, response);
    return handle(request, response);
  });
  return [alg, url];
}

function promoted({ email }) {
  return email.startsWith('root@') ? { role: 'admin' } : {};
}

async function sign(auth, request, response) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  const payload = JSON.parse(Buffer.concat(pieces).toString());
  const { token } = await auth.api.signJWT({ body: { payload } });
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ token }));
}

console.log(JSON.stringify(Object.fromEntries(await Promise.all(ALGORITHMS.map(start)))));
