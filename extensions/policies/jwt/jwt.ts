import { BearerToken } from '../bearer-token.ts'
import type { Policy, PolicyParts, TokenRules } from '../policy.ts'
import type { JwtSettings } from './schema.ts'

/** Throws when `jwksFile` still holds a path: its text takes its place before a snapshot is compiled. */
export function compile(settings: JwtSettings, parts: PolicyParts): Policy {
  return new BearerToken(parts.identity.tokens(rulesOf(settings)), settings, parts.identity)
}

function rulesOf(settings: JwtSettings): TokenRules {
  const { jwksFile } = settings
  if (jwksFile !== undefined && !jwksFile.trimStart().startsWith('{')) throw new RangeError('"jwksFile" was not read, or holds no JSON object')
  return {
    issuer: settings.issuer,
    audiences: settings.audiences,
    algorithms: settings.algorithms,
    jwksUri: settings.jwksUri,
    jwks: jwksFile,
    keys: settings.keys?.map(withoutAbsent),
    leewaySeconds: settings.leewaySeconds,
    requiredClaims: settings.requiredClaims,
    consumerClaim: settings.consumerClaim,
    insecure: settings.insecure,
  }
}

type Key = NonNullable<TokenRules['keys']>[number]

function withoutAbsent(key: { kid?: string | undefined; alg?: string | undefined; pem?: string | undefined; secret?: string | undefined }): Key {
  return Object.fromEntries(Object.entries(key).filter(([, value]) => value !== undefined)) as Key
}
