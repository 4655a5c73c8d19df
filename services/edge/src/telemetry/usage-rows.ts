import type { AccessEventRow, UsageCountRow, UsagePart } from './usage-part.ts'

/** Names longer than this are cut: a caller can choose some of them, such as a token's subject. */
const maxNameLength = 256
const maxEvents = 20_000

/**
 * Adds up the parts of several workers. Bounded however long nobody takes from it: events beyond a number are dropped
 * and counted; counts never are, but beyond `maxRows` new ones lose their route, and beyond twice that their consumer.
 */
export class UsageRows {
  readonly #maxRows: number
  readonly #rows = new Map<string, UsageCountRow>()
  readonly #events: AccessEventRow[] = []
  firstAtMs = Infinity
  lastAtMs = 0
  droppedEvents = 0

  constructor(maxRows = 100_000) {
    this.#maxRows = maxRows
  }

  get isEmpty(): boolean {
    return this.#rows.size === 0 && this.#events.length === 0 && this.droppedEvents === 0
  }

  get counts(): UsageCountRow[] {
    return [...this.#rows.values()]
  }

  get events(): readonly AccessEventRow[] {
    return this.#events
  }

  add(part: UsagePart): void {
    this.firstAtMs = Math.min(this.firstAtMs, part.firstAtMs)
    this.lastAtMs = Math.max(this.lastAtMs, part.lastAtMs)
    for (const row of part.counts) this.#addCount(row)
    const room = Math.max(0, maxEvents - this.#events.length)
    for (const event of part.events.slice(0, room)) this.#events.push(shortened(event))
    this.droppedEvents += part.droppedEvents + Math.max(0, part.events.length - room)
  }

  /** Gives up all events, counting them. */
  dropEvents(): void {
    this.droppedEvents += this.#events.length
    this.#events.length = 0
  }

  #addCount(row: UsageCountRow): void {
    const { hourMs, status, refused } = row
    const { consumer, route } = this.#names(row)
    const key = JSON.stringify([hourMs, consumer, route, status, refused])
    const sum = this.#rows.get(key) ?? { hourMs, consumer, route, status, refused, requests: 0, bytesIn: 0, bytesOut: 0 }
    sum.requests += whole(row.requests)
    sum.bytesIn += whole(row.bytesIn)
    sum.bytesOut += whole(row.bytesOut)
    this.#rows.set(key, sum)
  }

  #names({ consumer, route }: UsageCountRow): { consumer: string; route: string } {
    if (this.#rows.size >= 2 * this.#maxRows) return { consumer: '', route: '' }
    return { consumer: short(consumer), route: this.#rows.size >= this.#maxRows ? '' : short(route) }
  }
}

function shortened(event: AccessEventRow): AccessEventRow {
  const { requestId, route, upstream, endpoint, consumer, method, template, reason, bytesIn, bytesOut } = event
  const names = { requestId, route, upstream, endpoint, consumer, method, template, reason }
  for (const name of Object.keys(names) as (keyof typeof names)[]) names[name] = short(names[name])
  return { ...event, ...names, bytesIn: whole(bytesIn), bytesOut: whole(bytesOut) }
}

function short(name: string): string {
  return name.length <= maxNameLength ? name : name.slice(0, maxNameLength)
}

/** The store takes whole numbers only, and refuses a batch for one that is not. */
function whole(value: number): number {
  return value > 0 && value < Number.MAX_SAFE_INTEGER ? Math.trunc(value) : 0
}
