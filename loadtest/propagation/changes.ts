/** One change after another of the route that the prober asks for, and what is known of each. */
import type { AdminAnswer, AdminClient } from './admin-client.ts'
import { probeBody, probeHost, probePath } from './prober.ts'

export interface Made {
  readonly number: number
  readonly revision: number
  /** By `performance.now`: the request left; its answer was here. */
  readonly sentAt: number
  readonly answeredAt: number
  /** What the store took to have it, in ms. */
  readonly storeMs: number
  readonly propagationMs: number | undefined
}

interface Page {
  readonly items: readonly { readonly revision: number; readonly committedAt: string }[]
  readonly next: string | null
}

export const probeRoute = (number: number) => ({ name: 'probe', match: { hosts: [probeHost], path: probePath }, policies: [{ 'fixed-response': { status: 200, body: probeBody(number) } }] })

/** Makes the change; with `waits`, answered when every edge has it. */
export async function change(admin: AdminClient, number: number, waits: boolean): Promise<Made> {
  const sentAt = performance.now()
  const { body, timings } = await admin.ask<{ revision: number; propagationMs?: number }>('PUT', `/v1/routes/probe${waits ? '?wait=all&timeoutMs=20000' : ''}`, probeRoute(number))
  const { store: storeMs } = timings
  if (storeMs === undefined) throw new Error('the answer to a change does not say how long the store took')
  return { number, revision: body.revision, sentAt, answeredAt: performance.now(), storeMs, propagationMs: body.propagationMs }
}

/**
 * When the store had each, by revision, on this process's clock: one machine, one wall clock. `committedAt` is from just before
 * the store is asked, and in whole milliseconds, of which the first counts.
 */
export async function storedTimes(admin: AdminClient, made: readonly Made[]): Promise<Map<number, number>> {
  const wallToMonotonic = clockOffset()
  const storeMs = new Map(made.map((one) => [one.revision, one.storeMs]))
  const times = new Map<number, number>()
  const oldest = made[0]!.revision
  for (let cursor: number | undefined = made.at(-1)!.revision + 1; cursor !== undefined && cursor > oldest; ) {
    const page: AdminAnswer<Page> = await admin.ask('GET', `/v1/revisions?limit=100&cursor=${cursor}`)
    for (const { revision, committedAt } of page.body.items) {
      const took = storeMs.get(revision)
      if (took !== undefined) times.set(revision, Date.parse(committedAt) + took + wallToMonotonic)
    }
    cursor = page.body.next === null ? undefined : Number(page.body.next)
  }
  return times
}

/** From the wall clock to `performance.now`, taken where a millisecond begins. */
function clockOffset(): number {
  for (const before = Date.now(); ; ) {
    const now = Date.now()
    if (now !== before) return performance.now() - now
  }
}
