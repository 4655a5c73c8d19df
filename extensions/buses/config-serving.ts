/** The serving side of the configuration's way to the edges (docs of the walk: steps 5 and 6): only control calls it. */
import { deltaBetween, emptyConfig, type Segment, type SegmentedConfig, textOfLines } from '@sluice/proto/config'
import {
  ConfigHintSchema, ConfigReplySchema, type ConfigRequest, ConfigRequestSchema,
  ConfigSegmentsReplySchema, type ConfigSegmentsRequest, ConfigSegmentsRequestSchema,
} from '@sluice/proto/messages/control'
import { subjects } from '@sluice/proto/subjects'
import type { MessageInitShape } from '@bufbuild/protobuf'
import type { Bus, Subscription } from './bus.ts'
import { type ConfigRevision, versionOf } from './config-revision.ts'
import type { ConfigSigner } from './config-signature.ts'
import { announce, answer, type ListenOptions } from './rpc.ts'

const maxHintedBytes = 64 * 1024
const maxReplyBytes = 512 * 1024
/** Contents whose segments are still given out: somebody may be fetching them while the head moves on. */
const maxServed = 8

export interface ConfigServingParts {
  readonly scope: string
  /** Left out, revisions go unsigned. */
  readonly signer?: ConfigSigner | undefined
  /** The newest revision for an edge, by its name, or for another service (''); nothing before the first. Asked for each question, so it should come from memory. */
  head(edge: string): Promise<ConfigRevision | undefined>
  /** The content of an earlier revision, when it is at hand. */
  recent(revision: number, digest: string): SegmentedConfig | undefined
}

/** Tells of revisions and answers questions about the head, over the bus and wherever else it is asked. */
export class ConfigServing {
  readonly #parts: ConfigServingParts
  /** Segments by digest, of the contents given out last; the newest at the end. */
  readonly #served = new Map<SegmentedConfig, ReadonlyMap<string, Segment>>()

  constructor(parts: ConfigServingParts) {
    this.#parts = parts
  }

  /**
   * Tells everybody of a revision, or the edges that it is for; what leads to it from `before` goes along when it has at
   * most 64 KiB.
   */
  announce(bus: Bus, revision: ConfigRevision, before: ConfigRevision | undefined, edges: readonly string[] = []): void {
    const { scope } = this.#parts
    this.#serve(revision.config)
    const from = before ?? { revision: 0, config: emptyConfig, forcedRevision: 0 }
    announce(bus, subjects.configHint(scope), ConfigHintSchema, { ...this.#facts(revision), ...deltaFrom(from, revision, maxHintedBytes), edges: [...edges] })
  }

  /** Answers on the bus until it is unsubscribed. */
  listen(bus: Bus, options: ListenOptions): Subscription {
    const { scope } = this.#parts
    const subscriptions = [
      answer(bus, subjects.configGet(scope), { request: ConfigRequestSchema, reply: ConfigReplySchema }, (request) => this.answer(request), options),
      answer(bus, subjects.configSegments(scope), { request: ConfigSegmentsRequestSchema, reply: ConfigSegmentsReplySchema }, (request) => this.answerSegments(request), options),
    ]
    return { unsubscribe: () => subscriptions.forEach((one) => one.unsubscribe()) }
  }

  async answer(request: ConfigRequest): Promise<MessageInitShape<typeof ConfigReplySchema>> {
    const head = await this.#parts.head(request.edge)
    if (head === undefined) return { scope: this.#parts.scope, unchanged: true }
    const facts = this.#facts(head)
    const { haveRevision: revision, haveDigest: digest } = request
    if (revision === head.revision && digest === facts.digest) return { ...facts, unchanged: true }
    const known = revision === 0 ? undefined : this.#parts.recent(revision, digest)
    const delta = known === undefined ? {} : deltaFrom({ revision, config: known, forcedRevision: 0 }, head, maxReplyBytes)
    if (delta.delta !== undefined) return { ...facts, ...delta }
    this.#serve(head.config)
    return { ...facts, segments: Buffer.concat(head.config.segments.map((segment) => Buffer.from(segment.digest, 'hex'))) }
  }

  answerSegments({ digests, offset: asked }: ConfigSegmentsRequest): MessageInitShape<typeof ConfigSegmentsReplySchema> {
    const segments: { digest: string; totalBytes: number; bytes: Uint8Array }[] = []
    let offset = Number.isSafeInteger(asked) && asked >= 0 ? asked : 0
    for (let room = maxReplyBytes; room > 0 && segments.length < digests.length; offset = 0) {
      const digest = digests[segments.length]!
      const found = this.#find(digest)
      if (found === undefined) break
      const whole = Buffer.from(found.text)
      const bytes = whole.subarray(offset, offset + room)
      segments.push({ digest, totalBytes: whole.length, bytes })
      room -= bytes.length
    }
    return { scope: this.#parts.scope, segments }
  }

  #facts(revision: ConfigRevision) {
    const { scope, signer } = this.#parts
    const { forcedRevision } = revision
    const facts = { scope, ...versionOf(revision) }
    return { ...facts, seal: { forcedRevision, signature: signer?.sign({ ...facts, forcedRevision }) ?? new Uint8Array() } }
  }

  #serve(config: SegmentedConfig): void {
    const segments = this.#served.get(config) ?? new Map(config.segments.map((segment) => [segment.digest, segment]))
    this.#served.delete(config)
    this.#served.set(config, segments)
    for (const oldest of this.#served.keys()) {
      if (this.#served.size <= maxServed) break
      this.#served.delete(oldest)
    }
  }

  #find(digest: string): Segment | undefined {
    for (const segments of this.#served.values()) {
      const found = segments.get(digest)
      if (found !== undefined) return found
    }
    return undefined
  }
}

/** Nothing when it is longer than `maxBytes`. */
function deltaFrom(from: ConfigRevision, to: ConfigRevision, maxBytes: number): { delta?: { fromRevision: number; fromDigest: string; lines: Uint8Array } } {
  if (to.config.size - from.config.size > maxBytes) return {}
  const lines = Buffer.from(textOfLines(deltaBetween(from.config, to.config)))
  if (lines.length > maxBytes) return {}
  return { delta: { fromRevision: from.revision, fromDigest: from.config.digest, lines } }
}
