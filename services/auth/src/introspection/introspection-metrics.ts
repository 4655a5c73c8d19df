import { issuerWarnings } from '../issuers/issuer-warnings.ts'
import type { AuthParts } from '../parts.ts'
import type { IntrospectionsParts } from './introspections.ts'

/** What introspections tell: counted, failures logged once a minute an issuer. */
export function countIntrospections({ logger, metrics }: Pick<AuthParts, 'logger' | 'metrics'>): Pick<IntrospectionsParts, 'onAnswered' | 'onFailed'> {
  const asked = metrics.counter('sluice_auth_introspections_total', 'Tokens that issuers were asked about, by outcome: active, inactive, failed.', ['outcome'])
  const warn = issuerWarnings(logger, 'an issuer could not be asked about a token')
  return {
    onAnswered: (outcome) => asked.with(outcome).add(1),
    onFailed(issuer, reason) {
      asked.with('failed').add(1)
      warn(issuer, reason)
    },
  }
}
