import type { Worker } from 'node:cluster'
import type { ConfigRevision } from '@sluice/buses/config-feed'
import type { SegmentedConfig } from '@sluice/proto/config'
import type { Refusal } from './messages.ts'

/** One worker, as the host agent knows it. */
export interface Member {
  readonly worker: Worker
  readonly startedAt: number
  /** What it was given last; nothing before it has booted. */
  sent: SegmentedConfig | undefined
  /** What it has been given and has not answered for; meanwhile it is given nothing more. */
  taking: ConfigRevision | undefined
  /** What it serves. */
  running: ConfigRevision | undefined
  /** Counted among those that serve: from `listen` until it is gone. */
  serving: boolean
  /** The revision that may have been acknowledged without it: it answers nobody by an older one. */
  listensFrom: number
  mayListen: boolean
  listening: boolean
  draining: boolean
  /** It has spoken. */
  started: boolean
  hung: boolean
  credentialVersion: number
  /** The break-glass orders that it obeys. */
  orders: readonly string[]
  refusal: (Refusal & { revision: number; digest: string }) | undefined
  addresses: readonly string[]
  lastPongAt: number
  detachBus: () => void
}

export function newMember(worker: Worker, detachBus: () => void): Member {
  const now = performance.now()
  return {
    worker, startedAt: now, sent: undefined, serving: false, listensFrom: 0, mayListen: false, listening: false, draining: false, started: false, hung: false, taking: undefined, running: undefined,
    credentialVersion: 0, orders: [], refusal: undefined, addresses: [], lastPongAt: now, detachBus,
  }
}

/** The revision that it serves by; 0 before the first. */
export function revisionOf({ running }: Member): number {
  return running?.revision ?? 0
}

export interface Reached {
  /** What every worker that serves has reached; nothing before the first document. */
  readonly revision: ConfigRevision | undefined
  readonly credentialVersion: number
  /** How many take connections. */
  readonly listening: number
  readonly refusal: Member['refusal']
}

export function reachedBy(members: Iterable<Member>): Reached {
  let lowest: Member | undefined
  let refusal: Member['refusal']
  let credentialVersion = Infinity
  let listening = 0
  for (const member of members) {
    if (!member.serving) continue
    if (lowest === undefined || revisionOf(member) < revisionOf(lowest)) lowest = member
    if (member.listening && !member.draining) listening++
    credentialVersion = Math.min(credentialVersion, member.credentialVersion)
    refusal ??= member.refusal
  }
  return { revision: lowest?.running, credentialVersion: lowest === undefined ? 0 : credentialVersion, listening, refusal }
}
