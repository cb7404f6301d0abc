// A company's OpenID provider that others wrote (npm `oidc-provider`), on loopback, for the tests.
//
// It reads lines of JSON from standard input and answers each with one line: first its configuration, then orders
// (`disable`, `enable`, `change`, `advance`, `told`). It ends when standard input does.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

const RealDate = Date;
let ahead = 0;
globalThis.Date = class extends RealDate {
  constructor(...given) {
    super(...(given.length ? given : [RealDate.now() + ahead]));
  }

  static now() {
    return RealDate.now() + ahead;
  }
};
// Standard output is for answers alone.
console.log = console.info = console.error;
// After the clock, which it reads while it is loaded.
const { default: Provider, interactionPolicy } = await import('oidc-provider');

const people = new Map();
const told = { reused: 0, refreshed: 0, logouts: 0, refused: [] };
const CLAIMS = ['name', 'preferred_username', 'email', 'roles', 'department', 'region', 'manager', 'employee_number'];
const PASSWORD_ONLY = 'urn:example:password';
const SHOWN = /(?:^|;\s*)demo_person=([^;]*)/;

const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const shownTo = (ctx) => SHOWN.exec(ctx.get('cookie'))?.[1];
const byName = (name) => [...people.values()].find((person) => person.preferred_username === name);

function key() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), kid: 'first', alg: 'RS256', use: 'sig' };
}

function policy() {
  const { Check, base } = interactionPolicy;
  const prompts = base();
  prompts.get('login').checks.add(new Check('disabled', 'the account is locked', 'login_required', (ctx) =>
    Boolean(ctx.oidc.session.accountId && people.get(ctx.oidc.session.accountId)?.disabled && !ctx.oidc.result?.login)));
  prompts.get('login').checks.add(new Check('at_once', 'asked for afresh', 'login_required', (ctx) =>
    ctx.oidc.params.max_age === 0 && !ctx.oidc.result?.login));
  return prompts;
}

function configuration({ client, acr_values: acrValues, cookie_key: cookieKey }) {
  return {
    clients: [{
      ...client,
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_post',
      require_auth_time: true,
    }],
    jwks: { keys: [key()] },
    cookies: { keys: [cookieKey] },
    claims: { openid: ['sub', 'acr', 'amr'], profile: CLAIMS, auth_time: null, sid: null, iss: null },
    scopes: ['openid', 'profile', 'email'],
    acrValues: [PASSWORD_ONLY, ...acrValues],
    conformIdTokenClaims: false,
    rotateRefreshToken: true,
    issueRefreshToken: async () => true,
    pkce: { required: () => true },
    ttl: { AccessToken: 300, IdToken: 300, AuthorizationCode: 60, RefreshToken: 86400, Session: 86400, Grant: 86400, Interaction: 600 },
    interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}`, policy: policy() },
    features: {
      devInteractions: { enabled: false },
      claimsParameter: { enabled: true },
      revocation: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: async (ctx, form) => { ctx.body = form; },
        postLogoutSuccessSource: async (ctx) => { ctx.body = 'signed out'; },
      },
    },
    async findAccount(_ctx, sub) {
      const person = people.get(sub);
      if (!person || person.disabled) return undefined;
      return {
        accountId: sub,
        claims: async () => Object.fromEntries(['sub', ...CLAIMS].filter((name) => person[name] != null).map((name) => [name, person[name]])),
      };
    },
    async loadExistingGrant(ctx) {
      const known = ctx.oidc.session.grantIdFor(ctx.oidc.client.clientId);
      const found = known && await ctx.oidc.provider.Grant.find(known);
      if (found && found.accountId === ctx.oidc.session.accountId) return found;
      const grant = new ctx.oidc.provider.Grant({ clientId: ctx.oidc.client.clientId, accountId: ctx.oidc.session.accountId });
      grant.addOIDCScope('openid profile email');
      grant.addOIDCClaims([...CLAIMS, 'acr', 'amr', 'auth_time']);
      await grant.save();
      return grant;
    },
    // Its own refuses loopback, which is where the tests are.
    fetch: (url, { dispatcher: _its, ...options }) => globalThis.fetch(url, options),
    renderError: async (ctx, out) => { ctx.type = 'text'; ctx.body = out.error; },
  };
}

async function form(request) {
  let body = '';
  for await (const chunk of request) body += chunk;
  return new URLSearchParams(body);
}

function page(ctx, uid, problem = '') {
  ctx.type = 'html';
  ctx.body = `<form method="post"><input type="hidden" name="csrf_token" value="${uid}"><p>${problem}</p><input name="password" type="password"></form>`;
}

function signInPage(provider, password, strong) {
  return async (ctx, next) => {
    const uid = /^\/interaction\/([\w-]+)$/.exec(ctx.path)?.[1];
    if (!uid) return next();
    const { params } = await provider.interactionDetails(ctx.req, ctx.res);
    if (ctx.method === 'GET') return page(ctx, uid);
    const given = await form(ctx.req);
    const person = byName(shownTo(ctx) ?? params.login_hint);
    if (given.get('csrf_token') !== uid || given.get('password') !== password || !person) return page(ctx, uid, 'Login failed');
    if (person.disabled) return page(ctx, uid, 'This account is locked');
    const asked = JSON.parse(params.claims ?? '{}').id_token?.acr?.values ?? params.acr_values?.split(' ') ?? [];
    // A real one would ask for more than a password here; this one takes the person's word for it.
    const acr = person.weak ? PASSWORD_ONLY : asked.find((value) => strong.includes(value)) ?? PASSWORD_ONLY;
    const amr = acr === PASSWORD_ONLY ? ['pwd'] : ['pwd', 'mfa'];
    ctx.respond = false;
    return provider.interactionFinished(ctx.req, ctx.res, { login: { accountId: person.sub, acr, amr, remember: true } });
  };
}

function listen(server) {
  return new Promise((resolve) => { server.listen(0, '127.0.0.1', () => resolve(server.address().port)); });
}

async function start(given) {
  for (const person of given.people) people.set(person.sub, { ...person });
  const provider = new Provider(given.issuer, configuration(given));
  provider.use(signInPage(provider, given.password, given.acr_values));
  provider.on('grant.error', (_ctx, error) => {
    told.refused.push(error.error_detail ?? error.error);
    if (error.error_detail === 'refresh token already used') told.reused += 1;
  });
  provider.on('grant.success', (ctx) => { if (ctx.oidc.params.grant_type === 'refresh_token') told.refreshed += 1; });
  provider.on('backchannel.success', () => { told.logouts += 1; });
  provider.on('backchannel.error', (_ctx, error) => process.stderr.write(`${error.message}\n`));
  provider.on('server_error', (_ctx, error) => process.stderr.write(`${error.stack}\n`));
  provider.on('authorization.error', (_ctx, error) => process.stderr.write(`${error.error} ${error.error_detail ?? ''}\n`));
  const port = await listen(createServer(provider.callback()));
  return { ready: true, port };
}

function obey({ command, username, fields, seconds }) {
  if (command === 'advance') ahead += seconds * 1000;
  else if (command === 'told') return { ok: true, ...told };
  else {
    const person = byName(username);
    if (!person) return { ok: false, error: 'nobody of that name' };
    Object.assign(person, command === 'change' ? fields : { disabled: command === 'disable' });
  }
  return { ok: true };
}

let started = false;
for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  say(started ? obey(order) : await start(order));
  started = true;
}
process.exit(0);
