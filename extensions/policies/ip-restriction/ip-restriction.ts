import { hash } from 'node:crypto'
import { CidrSet } from '@sluice/http'
import type { Exchange } from '../exchange.ts'
import { type HookResult, type Policy, refuse } from '../policy.ts'
import { addressLines } from './address-lines.ts'
import { filesOf, type IpRestrictionSettings } from './schema.ts'

const refused = refuse('policy.forbidden', 'This address may not do that')

export function compile(settings: IpRestrictionSettings): Policy {
  const files = filesOf(settings)
  return new IpRestriction(setOf(settings.allow, files.allow), setOf(settings.deny, files.deny))
}

/** Lets only those addresses pass that are allowed and not denied. */
class IpRestriction implements Policy {
  private readonly allowed: CidrSet | undefined
  private readonly denied: CidrSet | undefined

  constructor(allowed: CidrSet | undefined, denied: CidrSet | undefined) {
    this.allowed = allowed
    this.denied = denied
  }

  onRequest({ client }: Exchange): HookResult {
    if (this.denied?.contains(client.address) === true) return refused
    return this.allowed?.contains(client.address) === false ? refused : undefined
  }
}

/**
 * Sets by the digest of what they hold: to build a large one takes half a second, and the same list comes again with
 * every route that the policy stands on and every revision.
 */
const built = new Map<string, CidrSet>()
const maxBuilt = 32

function setOf(ranges: readonly string[] | undefined, texts: readonly string[] | undefined): CidrSet | undefined {
  if (ranges === undefined && texts === undefined) return undefined
  const digest = hash('sha256', JSON.stringify([ranges, texts]), 'base64url')
  const known = built.get(digest)
  const set = known ?? new CidrSet([...(ranges ?? []), ...(texts ?? []).flatMap(addressLines)])
  // The one used last stands at the end.
  built.delete(digest)
  built.set(digest, set)
  if (built.size > maxBuilt) built.delete(built.keys().next().value!)
  return set
}
