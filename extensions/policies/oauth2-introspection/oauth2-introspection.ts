import { BearerToken } from '../bearer-token.ts'
import type { IntrospectionRules, Policy, PolicyParts, TokenChecks, Verdict } from '../policy.ts'
import type { OAuth2IntrospectionSettings } from './schema.ts'

export function compile(settings: OAuth2IntrospectionSettings, parts: PolicyParts): Policy {
  return new BearerToken(new OpaqueTokens(parts.identity.introspection(rulesOf(settings))), settings, parts.identity)
}

/** RFC 6750 §2.1. What is spelt otherwise is no token: its issuer is not asked. */
const tokenPattern = /^[A-Za-z0-9._~+/-]+=*$/
const malformed: Verdict = { outcome: 'invalid', reason: 'token_malformed' }

class OpaqueTokens implements TokenChecks {
  private readonly checker: TokenChecks

  constructor(checker: TokenChecks) {
    this.checker = checker
  }

  check(token: string, from?: string): Verdict | Promise<Verdict> {
    return tokenPattern.test(token) ? this.checker.check(token, from) : malformed
  }
}

function rulesOf(settings: OAuth2IntrospectionSettings): IntrospectionRules {
  const { introspectionUrl, issuer, clientId, clientSecret, clientAuth, insecure, timeoutMs, cacheSeconds, staleSeconds, audiences, requiredClaims, consumerClaim } = settings
  return {
    introspectionUrl, issuer, clientId, clientSecret, insecure, timeoutMs, cacheSeconds, staleSeconds, audiences, requiredClaims, consumerClaim,
    secretInBody: clientAuth === 'body',
  }
}
