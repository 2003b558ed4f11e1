// Runs oidc-provider over HTTPS in the place of Entra. argv[2]: a JSON file with certificate, key, signing_key (all PEM),
// key_id, client_id, client_secret, redirect_uri, scope, mailbox. Prints events, a line of JSON each: provider.listening
// with its port, token.granted, token.refused.
// Paths and lifetimes are Entra's; what Dovecot asks of a token beyond that (typ JWT, a claim with the user) is added.
import { createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import https from 'node:https'
import Provider from 'oidc-provider'

const asked = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const say = (fact) => process.stdout.write(JSON.stringify(fact) + '\n')
const jwk = createPrivateKey(asked.signing_key).export({ format: 'jwk' })
const MOUNT = '/contoso/v2.0'

const server = https.createServer({ cert: asked.certificate, key: asked.key })
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address()
  const handle = provider(`https://localhost:${port}${MOUNT}`).callback()
  server.on('request', (request, response) => {
    if (!request.url.startsWith(MOUNT)) return response.writeHead(404).end()
    request.originalUrl = request.url
    request.url = request.url.slice(MOUNT.length)
    handle(request, response)
  })
  say({ event: 'provider.listening', port })
})

function provider(issuer) {
  const made = new Provider(issuer, {
    clients: [{
      client_id: asked.client_id,
      client_secret: asked.client_secret,
      grant_types: ['client_credentials', 'authorization_code', 'refresh_token'],
      redirect_uris: [asked.redirect_uri],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_post',
    }],
    jwks: { keys: [{ ...jwk, kid: asked.key_id, use: 'sig', alg: 'RS256' }] },
    scopes: ['openid', 'profile', 'offline_access', asked.scope],
    claims: { openid: ['sub'], profile: ['preferred_username'] },
    conformIdTokenClaims: false,
    rotateRefreshToken: true,
    issueRefreshToken: async (ctx, client, code) => code.scopes.has('offline_access'),
    pkce: { required: () => true, methods: ['S256'] },
    features: {
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => new URL(asked.scope).origin,
        useGrantedResource: () => true,
        getResourceServerInfo: (ctx, resource) => ({
          scope: asked.scope, audience: resource, accessTokenFormat: 'jwt', accessTokenTTL: 3600,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
      devInteractions: { enabled: true },
    },
    formats: {
      customizers: {
        jwt(ctx, token, jwt) {
          jwt.header = { ...jwt.header, typ: 'JWT' }
          jwt.payload = { ...jwt.payload, upn: asked.mailbox, wids: Array(12).fill('0997a1d0-0d1d-4acb-b408-d5ca73121e90') }
        },
      },
    },
    findAccount: async (ctx, id) => ({
      accountId: id,
      claims: async () => ({ sub: id, preferred_username: id }),
    }),
    ttl: { AccessToken: 3600, ClientCredentials: 3600, AuthorizationCode: 60, Grant: 86400, IdToken: 3600, Interaction: 600, RefreshToken: 86400, Session: 3600 },
    cookies: { keys: ['a pretend cookie key'] },
  })
  made.on('grant.success', (ctx) => {
    say({ event: 'token.granted', grant: ctx.oidc.params.grant_type, octets: ctx.body.access_token.length })
  })
  made.on('grant.error', (ctx, error) => {
    say({ event: 'token.refused', error: error.error, detail: error.error_detail ?? error.message })
  })
  return made
}
