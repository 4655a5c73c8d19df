/**
 * Many edges in one process, as far as control and the bus see them: each has a connection of its own, hears the hints, checks that they
 * lead on from what it has, asks control where they do not, reports at once what it runs and again each ten seconds. One of them
 * keeps the whole configuration and works out every digest, as an edge does; the others take the digest that control announced, so that a thousand fit in a few
 * processes. They begin with the head, as edges do that have it on their disk.
 */
import { randomUUID } from 'node:crypto'
import { createNatsBus } from '../../extensions/buses/nats/nats.ts'
import { followConfig } from '../../extensions/buses/config-feed.ts'
import { call, listen } from '../../extensions/buses/rpc.ts'
import type { Bus } from '../../extensions/buses/bus.ts'
import { ConfigHintSchema, ConfigReplySchema, ConfigRequestSchema, EdgeReportReplySchema, EdgeReportSchema, RollCallSchema } from '../../proto/gen/sluice/v1/control_pb.ts'
import { subjects } from '../../proto/subjects.ts'

const scope = 'default'
const reportEveryMs = 10_000
const reply = { timeoutMs: 20_000 }

/** What the parent is told: all are there, or what has been counted since it asked last. */
export type FromEdges = { readonly kind: 'joined' } | { readonly kind: 'counts'; readonly applied: number; readonly asked: number; readonly failed: number }
export type ToEdges = { readonly kind: 'counts' }

interface Version {
  readonly revision: number
  readonly digest: string
}

const counts = { applied: 0, asked: 0, failed: 0 }

class SimulatedEdge {
  readonly #bus: Bus
  readonly #name: string
  readonly #instance = randomUUID()
  #has: Version = { revision: 0, digest: '' }

  constructor(natsUrl: string, name: string) {
    this.#name = name
    this.#bus = createNatsBus({ urls: [natsUrl], name: `edge ${name}`, inbox: '_INBOX.edge' })
  }

  /** Joined once control has taken its first report. `whole` keeps and checks the configuration. */
  async join(whole: boolean): Promise<void> {
    await connected(this.#bus)
    if (whole) await this.#followWhole()
    else {
      await this.#ask()
      listen(this.#bus, subjects.configHint(scope), ConfigHintSchema, (hint) => {
        if (hint.revision <= this.#has.revision) return
        if (hint.delta !== undefined && hint.delta.fromDigest === this.#has.digest) return this.#apply(hint)
        return this.#ask()
      })
    }
    listen(this.#bus, subjects.rollCall(scope), RollCallSchema, () => this.#report())
    await this.#report()
    setInterval(() => void this.#report(), reportEveryMs * (0.9 + 0.2 * Math.random()))
  }

  #followWhole(): Promise<void> {
    return new Promise((resolve) => {
      followConfig(this.#bus, {
        scope,
        onRevision: ({ revision, config }) => {
          resolve()
          return this.#apply({ revision, digest: config.digest })
        },
        onError: () => counts.failed++,
      })
    })
  }

  async #apply({ revision, digest }: Version): Promise<void> {
    this.#has = { revision, digest }
    counts.applied++
    await this.#report()
  }

  /** As an edge asks for the head; of what it is answered only the version is kept. */
  async #ask(): Promise<void> {
    counts.asked++
    const types = { request: ConfigRequestSchema, reply: ConfigReplySchema }
    try {
      const found = await call(this.#bus, subjects.configGet(scope), types, { scope, haveRevision: this.#has.revision, haveDigest: this.#has.digest }, reply)
      if (!found.unchanged && found.revision > this.#has.revision) await this.#apply(found)
    } catch {
      counts.failed++
    }
  }

  async #report(): Promise<void> {
    const message = { scope, edge: this.#name, instance: this.#instance, zone: '', datacenter: '', version: 'scale', workers: 1, credentialVersion: 0, leaving: false, ...this.#has }
    try {
      const answer = await call(this.#bus, subjects.edgeReport(scope, this.#name), { request: EdgeReportSchema, reply: EdgeReportReplySchema }, message, reply)
      if (!answer.accepted) counts.failed++
    } catch {
      counts.failed++
    }
  }
}

function connected(bus: Bus): Promise<void> {
  return new Promise((resolve) => {
    if (bus.status === 'connected') return resolve()
    const waiting = bus.onStatus((status) => {
      if (status !== 'connected') return
      waiting.unsubscribe()
      resolve()
    })
  })
}

/** `edges.ts NATS_URL FIRST COUNT`; talks to its parent over IPC and ends with it. */
async function main(natsUrl: string, first: number, count: number): Promise<void> {
  const tell = (message: FromEdges) => void process.send?.(message)
  process.on('disconnect', () => process.exit(0))
  process.on('message', (message: ToEdges) => {
    if (message.kind === 'counts') tell({ kind: 'counts', ...counts })
  })
  const joining = 25
  for (let from = 0; from < count; from += joining) {
    const some = Array.from({ length: Math.min(joining, count - from) }, (_, index) => from + index)
    await Promise.all(some.map((index) => new SimulatedEdge(natsUrl, `edge-${first + index}`).join(index === 0)))
  }
  Object.assign(counts, { applied: 0, asked: 0 })
  tell({ kind: 'joined' })
}

const [natsUrl = '', first = '', count = ''] = process.argv.slice(2)
await main(natsUrl, Number(first), Number(count))
