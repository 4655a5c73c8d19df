/** Token exchange (RFC 8693) for the identity provider, which does not bring it: one of its own tokens for another client's use. */
import { errors, type Provider } from 'oidc-provider'

export const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange'
/** The only party that tokens are exchanged for. */
export const exchangeAudience = 'orders'

export function addTokenExchange(provider: Provider): void {
  const parameters = ['subject_token', 'subject_token_type', 'requested_token_type', 'audience', 'scope']
  provider.registerGrantType(exchangeGrant, async (ctx) => {
    const { client, params } = ctx.oidc
    const { subject_token: subjectToken, audience, scope } = params as Record<string, string>
    if ((await provider.ClientCredentials.find(subjectToken ?? '')) === undefined) throw new errors.InvalidGrant('the subject token is none')
    if (audience !== exchangeAudience) throw new errors.InvalidTarget('nobody is called so')
    const token = new provider.ClientCredentials({ client: client!, scope: scope ?? '' })
    ctx.body = { access_token: await token.save(), token_type: 'Bearer', expires_in: token.expiration, issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' }
  }, parameters)
}
