import { issuerWarnings } from '../issuers/issuer-warnings.ts'
import type { AuthParts } from '../parts.ts'
import type { UpstreamTokensParts } from './upstream-tokens.ts'

/** What tokens for upstreams tell: counted, failures logged once a minute an issuer. */
export function countUpstreamTokens({ logger, metrics }: Pick<AuthParts, 'logger' | 'metrics'>): Pick<UpstreamTokensParts, 'onAnswered' | 'onFailed'> {
  const asked = metrics.counter('sluice_auth_upstream_tokens_total', 'Tokens for upstreams that issuers were asked for, by outcome: issued, refused, failed.', ['outcome'])
  const warn = issuerWarnings(logger, 'an issuer could not be asked for a token')
  return {
    onAnswered: (outcome) => asked.with(outcome).add(1),
    onFailed(issuer, reason) {
      asked.with('failed').add(1)
      warn(issuer, reason)
    },
  }
}
