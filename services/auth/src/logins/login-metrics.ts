import { issuerWarnings } from '../issuers/issuer-warnings.ts'
import type { AuthParts } from '../parts.ts'
import type { LoginsParts } from './logins.ts'

/** What logins tell: counted, failures logged once a minute an issuer. */
export function countLogins({ logger, metrics }: Pick<AuthParts, 'logger' | 'metrics'>): Pick<LoginsParts, 'onAnswered' | 'onFailed'> {
  const asked = metrics.counter('sluice_auth_login_questions_total', 'What issuers were asked for logins of browsers (endpoints, login, refresh, keys), by outcome: answered, refused, failed.', ['question', 'outcome'])
  const warn = issuerWarnings(logger, 'an issuer could not be asked for a login')
  return {
    onAnswered: (question, outcome) => asked.with(question, outcome).add(1),
    onFailed(question, issuer, reason) {
      asked.with(question, 'failed').add(1)
      warn(issuer, reason)
    },
  }
}
