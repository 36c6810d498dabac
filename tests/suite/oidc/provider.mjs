// A real, certified OpenID provider (npm oidc-provider) on a free port of 127.0.0.1. It prints {"issuer": …}, then reads one JSON
// object per line and becomes the provider that it describes: { rp, users, key, claimsOnlyInUserInfo }. `rp` is the address of the server under
// test, `users` maps login names to claims, `key` is a number: another one means other signing keys. Each line is answered with
// {"ready": …}; what it posts to the back channel goes to stderr.
import { createRequire } from 'node:module';
import crypto from 'node:crypto';
import http from 'node:http';
import path from 'node:path';
import readline from 'node:readline';
import { pathToFileURL } from 'node:url';

const require = createRequire(path.join(process.env.SUITE_NODE, 'package.json'));
const { Provider } = await import(pathToFileURL(require.resolve('oidc-provider')).href);
let handle = (req, res) => { res.statusCode = 503; res.end(); };
const server = http.createServer((req, res) => handle(req, res));
await new Promise(done => server.listen(0, '127.0.0.1', done));
const issuer = `http://127.0.0.1:${server.address().port}`;
const keys = new Map();
function keysOf(n) {
  if (!keys.has(n)) {
    const made = (type, options, alg) => ({ ...crypto.generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), use: 'sig', alg, kid: `${alg}-${n}` });
    keys.set(n, [made('rsa', { modulusLength: 2048 }, 'RS256'), made('ec', { namedCurve: 'P-256' }, 'ES256')]);
  }
  return keys.get(n);
}
function become({ rp, users = {}, key = 1, claimsOnlyInUserInfo = false }) {
  const back = { redirect_uris: [`${rp}/oidc/callback`], post_logout_redirect_uris: [rp] };
  const code = { ...back, response_types: ['code'], grant_types: ['authorization_code'] };
  const channel = { backchannel_logout_uri: `${rp}/oidc/backchannel-logout`, backchannel_logout_session_required: true };
  const provider = new Provider(issuer, {
    clients: [
      { ...code, ...channel, client_id: 'confidential', client_secret: 'the-secret/of+this client', token_endpoint_auth_method: 'client_secret_basic' },
      { ...code, client_id: 'posting', client_secret: 'another-secret', token_endpoint_auth_method: 'client_secret_post', id_token_signed_response_alg: 'ES256' },
      { ...code, client_id: 'public', token_endpoint_auth_method: 'none', application_type: 'native' },
      { client_id: 'pipeline', client_secret: 'a-pipeline-secret', token_endpoint_auth_method: 'client_secret_post', grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
      { ...back, client_id: 'implicit', client_secret: 'x', response_types: ['id_token'], grant_types: ['implicit'], application_type: 'native' },
    ],
    claims: { openid: ['sub', 'groups'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'], extra: ['extra'] },
    scopes: ['openid', 'profile', 'email', 'extra'],
    responseTypes: ['code', 'id_token'],
    conformIdTokenClaims: claimsOnlyInUserInfo,
    pkce: { required: () => true },
    jwks: { keys: keysOf(key) },
    findAccount: async (ctx, id) => ({ accountId: id, claims: async () => ({ sub: id, ...(users[id] || {}) }) }),
    // Tokens of machines are for the server under test, whatever resource they ask for.
    features: { clientCredentials: { enabled: true }, resourceIndicators: { enabled: true, getResourceServerInfo: async () => ({ scope: '', audience: 'wandb', accessTokenTTL: 600, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'ES256' } } }) }, devInteractions: { enabled: true }, rpInitiatedLogout: { enabled: true }, backchannelLogout: { enabled: true } },
    // Its own guard refuses loopback.
    fetch: (url, options) => { delete options.dispatcher; return globalThis.fetch(url, options); },
    cookies: { keys: ['for-this-test'] },
    ttl: { AccessToken: 300, IdToken: 300, Session: 3600, Interaction: 3600, Grant: 3600, AuthorizationCode: 60 },
  });
  for (const event of ['server_error', 'authorization.error', 'grant.error', 'backchannel.error', 'end_session.error', 'backchannel.success']) {
    provider.on(event, (ctx, e) => console.error(event, e?.message, e?.error_description || ''));
  }
  handle = provider.callback();
}
console.log(JSON.stringify({ issuer }));
for await (const line of readline.createInterface({ input: process.stdin })) {
  become(JSON.parse(line));
  console.log(JSON.stringify({ ready: true }));
}
process.exit(0);
