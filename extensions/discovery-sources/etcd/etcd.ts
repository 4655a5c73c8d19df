/**
 * Instances as keys of etcd: all of them are read, then watched from the revision after. It speaks the JSON form of etcd's API
 * (the gRPC gateway under `/v3`), so that no client library is needed. Whatever ends the watch, a member that goes or a
 * revision that was compacted, everything is read anew: nothing is missed, and an instance's keys are few.
 */
import type { DiscoverySource, SourceEndpoint, SourceParts } from '../discovery-source.ts'
import { followLasting, type Session } from '../lasting-follow.ts'
import { RegistryClient } from '../registry-client.ts'
import { isSelected } from '../selection.ts'
import { readInstance } from './instance-value.ts'
import type { EtcdSettings } from './schema.ts'

interface KeyValue {
  readonly key: string
  readonly value?: string
}

interface RangeAnswer {
  readonly header: { readonly revision: string }
  readonly kvs?: readonly KeyValue[]
}

interface WatchLine {
  readonly result?: {
    readonly canceled?: boolean
    readonly compact_revision?: string
    readonly cancel_reason?: string
    readonly events?: readonly { readonly type?: 'PUT' | 'DELETE'; readonly kv: KeyValue }[]
  }
  readonly error?: { readonly message?: string }
}

/** A watch without a word for this long is begun anew: the other side may be gone without having said so. */
const watchSilenceMs = 60_000

export function createSource(settings: EtcdSettings, { status }: Pick<SourceParts, 'status'>): DiscoverySource {
  return {
    follow(onEndpoints) {
      const client = new RegistryClient(settings.tls)
      let member = 0
      const session = async (session: Session) => {
        const base = settings.urls[member % settings.urls.length]!
        try {
          await new EtcdSession(base, settings, client, session, status).run()
        } finally {
          member++
        }
      }
      return followLasting(status, onEndpoints, session, () => client.close())
    },
  }
}

class EtcdSession {
  readonly #base: string
  readonly #settings: EtcdSettings
  readonly #client: RegistryClient
  readonly #session: Session
  readonly #status: SourceParts['status']
  readonly #byKey = new Map<string, SourceEndpoint>()
  readonly #from: string
  #token: string | undefined

  constructor(base: string, settings: EtcdSettings, client: RegistryClient, session: Session, status: SourceParts['status']) {
    this.#base = base
    this.#settings = settings
    this.#client = client
    this.#session = session
    this.#status = status
    this.#from = `${settings.prefix}${settings.service}/`
  }

  async run(): Promise<void> {
    await this.#authenticate()
    const { header, kvs = [] } = (await this.#ask('/v3/kv/range', this.#range)) as RangeAnswer
    for (const pair of kvs) this.#put(pair)
    this.#tell()
    await this.#watch((BigInt(header.revision) + 1n).toString())
  }

  async #authenticate(): Promise<void> {
    const { username, password } = this.#settings
    if (username === undefined) return
    const { token } = (await this.#ask('/v3/auth/authenticate', { name: username, password })) as { token: string }
    this.#token = token
  }

  async #watch(revision: string): Promise<void> {
    const create = { create_request: { ...this.#range, start_revision: revision, progress_notify: true } }
    const question = { ...this.#question(create), silenceMs: watchSilenceMs }
    for await (const line of this.#client.lines(new URL('/v3/watch', this.#base), question, this.#session.answered)) {
      const { result, error } = JSON.parse(line) as WatchLine
      if (error !== undefined) throw new Error(`the watch has failed: ${error.message ?? 'no reason was given'}`)
      if (result?.compact_revision !== undefined) return
      if (result?.canceled === true) throw new Error(`the watch was ended: ${result.cancel_reason ?? 'no reason was given'}`)
      for (const { type = 'PUT', kv } of result?.events ?? []) {
        if (type === 'DELETE') this.#byKey.delete(kv.key)
        else this.#put(kv)
      }
      if (result?.events !== undefined) this.#tell()
    }
  }

  get #range(): { key: string; range_end: string } {
    return { key: base64(Buffer.from(this.#from)), range_end: base64(endOf(Buffer.from(this.#from))) }
  }

  #put({ key, value = '' }: KeyValue): void {
    const id = Buffer.from(key, 'base64').toString('utf8').slice(this.#from.length)
    const instance = readInstance(id, Buffer.from(value, 'base64').toString('utf8'))
    if (typeof instance === 'string') this.#status.skipped(`the key "${this.#from}${id}": ${instance}`)
    if (typeof instance === 'string') this.#byKey.delete(key)
    else this.#byKey.set(key, instance)
  }

  #tell(): void {
    this.#session.tell([...this.#byKey.values()].filter((endpoint) => isSelected(endpoint, this.#settings)))
  }

  async #ask(path: string, body: object): Promise<unknown> {
    return (await this.#client.json(new URL(path, this.#base), this.#question(body))).body
  }

  #question(body: object) {
    const headers: Record<string, string> = this.#token === undefined ? {} : { authorization: this.#token }
    return { method: 'POST' as const, body: JSON.stringify(body), headers, signal: this.#session.signal }
  }
}

/** The first key behind all that begin with `prefix`: its last byte that can be is raised by one. */
function endOf(prefix: Buffer): Buffer {
  const last = prefix.findLastIndex((byte) => byte < 0xff)
  const end = Buffer.from(prefix.subarray(0, last + 1))
  end[last]! += 1
  return end
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64')
}
