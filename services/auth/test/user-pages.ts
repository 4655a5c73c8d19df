/** What users see of the identity provider: a page to log in on, and one to log out on. Consent is given without asking. */
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Configuration, KoaContextWithOIDC, Provider } from 'oidc-provider'

const page = (title: string, body: string) => `<!doctype html><html lang="en"><head><title>${title}</title></head><body>${body}</body></html>`

/** Users have the names that they give, and an address made of it. */
export const userSettings: Configuration = {
  claims: { openid: ['sub'], profile: ['name'], email: ['email'] },
  // As most issuers do: an ID token says what its scopes stand for.
  conformIdTokenClaims: false,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, name: `${id} of the tests`, email: `${id}@example.com` }) }),
  interactions: { url: (_, { uid }) => `/interaction/${uid}` },
  loadExistingGrant: (ctx) => grantOf(ctx),
  issueRefreshToken: async (_, client) => client.grantTypeAllowed('refresh_token'),
  rotateRefreshToken: true,
}

export const logoutFeature = {
  enabled: true,
  logoutSource: async (ctx: KoaContextWithOIDC, form: string) => {
    ctx.body = page('log out', `${form}<button type="submit" form="op.logoutForm" name="logout" value="yes">log out</button>`)
  },
} as const

async function grantOf(ctx: KoaContextWithOIDC) {
  const { client, session, provider, account } = ctx.oidc
  const known = session!.grantIdFor(client!.clientId)
  if (known !== undefined) return provider.Grant.find(known)
  const grant = new provider.Grant({ clientId: client!.clientId, accountId: account!.accountId })
  grant.addOIDCScope('openid profile email offline_access')
  await grant.save()
  return grant
}

/** The provider with the page that its users log in on. */
export function withUserPages(provider: Provider): RequestListener {
  const handle = provider.callback()
  return (request, response) => {
    if (request.url?.startsWith('/interaction/')) void logIn(provider, request, response)
    else void handle(request, response)
  }
}

async function logIn(provider: Provider, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'POST') {
    response.setHeader('content-type', 'text/html').end(page('log in', '<form method="post"><input name="user" autofocus><button type="submit">log in</button></form>'))
    return
  }
  let form = ''
  for await (const piece of request) form += piece
  const user = new URLSearchParams(form).get('user') ?? ''
  const refused = { error: 'access_denied', error_description: 'nobody' }
  await provider.interactionFinished(request, response, user === 'nobody' ? refused : { login: { accountId: user } }).catch((error: Error) => response.destroy(error))
}
