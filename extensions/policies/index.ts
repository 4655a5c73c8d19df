/**
 * Every policy, in running order, whatever the order in the file: identity of the request and its sizes, CORS (so that
 * refusals carry its fields), limits that need no identity, identity, authorisation, limits, protection, validation,
 * transforms, and what answers last.
 */
import type { PolicyEntry } from '@sluice/proto/config'
import { schema as acl } from './acl/schema.ts'
import { schema as aiTokens } from './ai-tokens/schema.ts'
import { schema as any } from './any/schema.ts'
import { schema as awsSignature } from './aws-signature/schema.ts'
import { schema as basicAuth } from './basic-auth/schema.ts'
import { schema as cache } from './cache/schema.ts'
import { schema as concurrencyLimit } from './concurrency-limit/schema.ts'
import { schema as cors } from './cors/schema.ts'
import { schema as extAuth } from './ext-auth/schema.ts'
import { schema as fault } from './fault/schema.ts'
import { schema as fixedResponse } from './fixed-response/schema.ts'
import { schema as httpSignature } from './http-signature/schema.ts'
import { schema as identityToken } from './identity-token/schema.ts'
import { schema as ipRestriction } from './ip-restriction/schema.ts'
import { schema as jwt } from './jwt/schema.ts'
import { schema as keyAuth } from './key-auth/schema.ts'
import { schema as oauth2Introspection } from './oauth2-introspection/schema.ts'
import { schema as keySet } from './key-set/schema.ts'
import { schema as mtlsAuth } from './mtls-auth/schema.ts'
import { schema as oidcLogin } from './oidc-login/schema.ts'
import type { CatalogueEntry, PolicyModule, PolicySchema } from './policy.ts'
import { schema as quota } from './quota/schema.ts'
import { schema as rateLimit } from './rate-limit/schema.ts'
import { schema as redirect } from './redirect/schema.ts'
import { schema as requestId } from './request-id/schema.ts'
import { schema as requestLimits } from './request-limits/schema.ts'
import { schema as requestTransform } from './request-transform/schema.ts'
import { schema as responseTransform } from './response-transform/schema.ts'
import { schema as upstreamToken } from './upstream-token/schema.ts'

/** A schema beside the implementation that takes its settings. */
const entry = <S>(one: PolicySchema<S> & { load(): Promise<PolicyModule<S>> }): CatalogueEntry => one as unknown as CatalogueEntry

export const catalogue: readonly CatalogueEntry[] = [
  entry({ ...requestId, load: () => import('./request-id/request-id.ts') }),
  entry({ ...requestLimits, load: () => import('./request-limits/request-limits.ts') }),
  entry({ ...ipRestriction, load: () => import('./ip-restriction/ip-restriction.ts') }),
  entry({ ...cors, load: () => import('./cors/cors.ts') }),
  // A rate-limit, quota, concurrency-limit or ai-tokens whose key is only ip, route or header runs here.
  entry({ ...jwt, load: () => import('./jwt/jwt.ts') }),
  entry({ ...oauth2Introspection, load: () => import('./oauth2-introspection/oauth2-introspection.ts') }),
  entry({ ...keyAuth, load: () => import('./key-auth/key-auth.ts') }),
  entry({ ...basicAuth, load: () => import('./basic-auth/basic-auth.ts') }),
  entry({ ...mtlsAuth, load: () => import('./mtls-auth/mtls-auth.ts') }),
  entry({ ...httpSignature, load: () => import('./http-signature/http-signature.ts') }),
  entry({ ...extAuth, load: () => import('./ext-auth/ext-auth.ts') }),
  // Last of those that ask for one credential: it has an answer for whoever has none.
  entry({ ...oidcLogin, load: () => import('./oidc-login/oidc-login.ts') }),
  entry({ ...any, load: () => import('./any/any.ts') }),
  entry({ ...acl, load: () => import('./acl/acl.ts') }),
  entry({ ...rateLimit, load: () => import('./rate-limit/rate-limit.ts') }),
  entry({ ...quota, load: () => import('./quota/quota.ts') }),
  entry({ ...concurrencyLimit, load: () => import('./concurrency-limit/concurrency-limit.ts') }),
  entry({ ...aiTokens, load: () => import('./ai-tokens/ai-tokens.ts') }),
  entry({ ...upstreamToken, load: () => import('./upstream-token/upstream-token.ts') }),
  entry({ ...identityToken, load: () => import('./identity-token/identity-token.ts') }),
  entry({ ...requestTransform, load: () => import('./request-transform/request-transform.ts') }),
  entry({ ...responseTransform, load: () => import('./response-transform/response-transform.ts') }),
  // After all that changes what is sent: a signature is over that.
  entry({ ...awsSignature, load: () => import('./aws-signature/aws-signature.ts') }),
  entry({ ...cache, load: () => import('./cache/cache.ts') }),
  entry({ ...fault, load: () => import('./fault/fault.ts') }),
  entry({ ...redirect, load: () => import('./redirect/redirect.ts') }),
  entry({ ...keySet, load: () => import('./key-set/key-set.ts') }),
  entry({ ...fixedResponse, load: () => import('./fixed-response/fixed-response.ts') }),
]

const byName = new Map(catalogue.map((one, index) => [one.name, { one, index }]))
const firstIdentity = catalogue.findIndex((one) => one.identity === true)

export function findPolicy(name: string): CatalogueEntry | undefined {
  return byName.get(name)?.one
}

/** What stands on every route unless it is set there or switched off: the least specific level of all. */
export const standingPolicies: readonly PolicyEntry[] = catalogue.filter((one) => one.always === true).map((one) => ({ [one.name]: {} }))

/**
 * The policies of a route in the order they run: that of the catalogue, those that need no identity before the first
 * that asks for one, otherwise as given. `settings` are parsed. Throws RangeError for a type that is not in the catalogue.
 */
export function runningOrder<E extends { readonly type: string; readonly settings: unknown }>(entries: readonly E[]): E[] {
  const placed = entries.map((one) => ({ one, place: placeOf(one) }))
  return placed.sort((left, right) => left.place - right.place).map(({ one }) => one)
}

function placeOf({ type, settings }: { readonly type: string; readonly settings: unknown }): number {
  const found = byName.get(type)
  if (found === undefined) throw new RangeError(`there is no policy "${type}"`)
  return found.one.early?.(settings as never) === true ? firstIdentity - 0.5 : found.index
}
