/**
 * What an operator can order of the edges of a datacenter while the configuration cannot be changed: a closed list, each
 * order for a day at most. Control and edges keep the same set, and bring two sets together by the same rule.
 */
import { z } from 'zod'
import { resourceName } from './config/strings.ts'

const endpoint = z.string().min(1).max(2048).describe('Its URL as it is configured; of one that registers, its id.')

export const breakGlassOrder = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('drain'), upstream: resourceName, endpoint: endpoint.optional() }),
  z.strictObject({ action: z.literal('weight'), upstream: resourceName, endpoint, weight: z.number().min(0).max(1000) }),
  z.strictObject({ action: z.literal('disable-route'), route: resourceName }),
  z.strictObject({ action: z.literal('block-address'), address: z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()], 'an address or range such as "192.0.2.7" or "192.0.2.0/24"') }),
  z.strictObject({ action: z.literal('block-consumer'), consumer: z.string().min(1).max(256) }),
  z.strictObject({ action: z.literal('block-credential'), credential: z.string().min(1).max(256) }),
])

export type BreakGlassOrder = z.output<typeof breakGlassOrder>

const breakGlassEntry = z.object({
  id: z.string().min(1).max(64),
  /** Grows with each change of the entry. */
  version: z.number().int().min(1),
  order: breakGlassOrder,
  madeBy: z.string().max(256),
  madeAtMs: z.number(),
  untilMs: z.number(),
  note: z.string().max(500),
  /** The newest revision that was known when it was made; 0: none was. */
  revision: z.number().int().min(0),
  /** Who or what ended it before its time. */
  endedBy: z.string().max(256).optional(),
})

export type BreakGlassEntry = z.output<typeof breakGlassEntry>
export type BreakGlassSet = ReadonlyMap<string, BreakGlassEntry>

/** An order stands for a day at most. */
export const maxOrderMs = 86_400_000
/** Of one datacenter, those that have ended and are remembered included. */
export const maxOrders = 128

const breakGlassList = z.array(breakGlassEntry).max(maxOrders)

/** Entries from a message or from disk. Throws for what is none. */
export function readBreakGlass(text: string): BreakGlassEntry[] {
  return breakGlassList.parse(JSON.parse(text))
}

export function isInForce({ untilMs, endedBy }: BreakGlassEntry, nowMs: number): boolean {
  return endedBy === undefined && untilMs > nowMs
}

/**
 * Both sets as one; the same object when `heard` brings nothing new. The newer version of an entry stands, so that what was ended is not begun
 * again by an old message. An entry whose time is over is forgotten: whoever repeats it repeats its end.
 */
export function withHeard(known: BreakGlassSet, heard: Iterable<BreakGlassEntry>, nowMs: number): BreakGlassSet {
  const merged = new Map([...known].filter(([, entry]) => entry.untilMs > nowMs))
  let isNew = merged.size !== known.size
  for (const entry of heard) {
    if (entry.untilMs <= nowMs || entry.untilMs > nowMs + 2 * maxOrderMs || !isNewer(entry, merged.get(entry.id))) continue
    merged.set(entry.id, entry)
    isNew = true
  }
  return isNew ? merged : known
}

function isNewer(entry: BreakGlassEntry, known: BreakGlassEntry | undefined): boolean {
  return known === undefined || entry.version > known.version || (entry.version === known.version && entry.endedBy !== undefined && known.endedBy === undefined)
}

/** What an edge that obeys an entry says of it. */
export function orderKey({ id, version }: Pick<BreakGlassEntry, 'id' | 'version'>): string {
  return `${id}@${version}`
}
