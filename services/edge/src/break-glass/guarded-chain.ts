/**
 * What break-glass orders make of a route's policies: a step before all others that looks at the address, one behind the last that says who
 * is calling. Chains are only touched while there is such an order, so that a request pays nothing for it otherwise.
 */
import type { Exchange } from '@sluice/policies/exchange'
import { type HookResult, type Policy, refuse } from '@sluice/policies/policy'
import type { PolicyChain, Step } from '../policy-chain/policy-chain.ts'
import type { Blocked } from './standing-orders.ts'

const blocked = refuse('policy.blocked')
const disabled = refuse('policy.route_disabled')

const disabledStep = stepOf('disable-route', { onRequest: () => disabled })

/** Of a route that is switched off. Who is calling is asked all the same: routes that are alike but for their groups are told apart by it. */
export function disabledChain(chain: PolicyChain): PolicyChain {
  const off = (steps: readonly Step[]) => [...steps.slice(0, chain.lastIdentity + 1), disabledStep, ...steps.slice(chain.lastIdentity + 1)]
  return { ...chain, steps: off(chain.steps), forGroups: (groups) => off(chain.forGroups(groups)) }
}

/** The chain with those who are blocked kept out. */
export function guardedChain(chain: PolicyChain, { addresses, consumers, credentials }: Blocked): PolicyChain {
  const before = addresses === undefined ? [] : [stepOf('block-address', { onRequest: ({ client }) => (addresses.contains(client.address) ? blocked : undefined) })]
  const hasCallers = chain.lastIdentity >= 0 && consumers.size + credentials.size > 0
  const behind = hasCallers ? [stepOf('block-caller', { onRequest: ({ identity }: Exchange): HookResult => (identity !== undefined && (consumers.has(identity.consumer) || credentials.has(identity.credential)) ? blocked : undefined) })] : []
  const guarded = new WeakMap<readonly Step[], readonly Step[]>()
  const guard = (steps: readonly Step[]): readonly Step[] => {
    const known = guarded.get(steps) ?? [...before, ...steps.slice(0, chain.lastIdentity + 1), ...behind, ...steps.slice(chain.lastIdentity + 1)]
    guarded.set(steps, known)
    return known
  }
  return {
    ...chain,
    steps: guard(chain.steps),
    lastIdentity: chain.lastIdentity < 0 ? -1 : chain.lastIdentity + before.length,
    forGroups: (groups) => guard(chain.forGroups(groups)),
  }
}

function stepOf(name: string, policy: Policy): Step {
  return { policy, type: 'break-glass', name, isIdentity: false }
}
