/** Getting the head from control: what differs from what is here, and nothing that control has not vouched for. */
import { SluiceError } from '@sluice/errors'
import { emptyConfig, emptySegment, linesOf, makeSegment, rootDigest, type Segment, SegmentedConfig, segmentCount } from '@sluice/proto/config'
import {
  type ConfigDelta, type ConfigReply, ConfigReplySchema, ConfigRequestSchema, type ConfigSeal, type ConfigSegmentsReply,
  ConfigSegmentsReplySchema, ConfigSegmentsRequestSchema,
} from '@sluice/proto/messages/control'
import { subjects } from '@sluice/proto/subjects'
import type { MessageInitShape } from '@bufbuild/protobuf'
import type { Bus } from './bus.ts'
import { type ConfigRevision, type ConfigVersion, versionOf } from './config-revision.ts'
import type { ConfigVerifier } from './config-signature.ts'
import { call } from './rpc.ts'

/** A way to control. Both reject with `dependency.*` when it cannot be asked. */
export interface ConfigTransport {
  ask(request: MessageInitShape<typeof ConfigRequestSchema>): Promise<ConfigReply>
  askSegments(request: MessageInitShape<typeof ConfigSegmentsRequestSchema>): Promise<ConfigSegmentsReply>
}

export type RefusalReason = 'signature' | 'digest' | 'replayed'

export interface DownloadOptions {
  readonly scope: string
  /** The edge that asks. */
  readonly edge?: string | undefined
  /** What is here already: nothing at or below this revision is fetched. */
  readonly have: ConfigRevision | undefined
  readonly maxBytes: number
  readonly verifier: ConfigVerifier | undefined
  /** Told of each part that was not what it should be. */
  readonly onRefused: (reason: RefusalReason) => void
}

/** The way over the bus. */
export function busTransport(bus: Bus, scope: string, timeoutMs: number): ConfigTransport {
  const types = { request: ConfigRequestSchema, reply: ConfigReplySchema }
  const segmentTypes = { request: ConfigSegmentsRequestSchema, reply: ConfigSegmentsReplySchema }
  return {
    ask: (request) => call(bus, subjects.configGet(scope), types, request, { timeoutMs }),
    askSegments: (request) => call(bus, subjects.configSegments(scope), segmentTypes, request, { timeoutMs }),
  }
}

// A head that moved on while its segments were fetched, or an answer from a control that has not caught up.
const maxDetours = 10

/**
 * The head revision; `undefined` when `have` is the head or newer. Throws `dependency.*` when control cannot be asked;
 * `config.invalid` when what it sent is not vouched for, does not fit its digest, is larger than `maxBytes`, or has the
 * number of `have` with another digest.
 */
export async function downloadHead(transport: ConfigTransport, options: DownloadOptions): Promise<ConfigRevision | undefined> {
  const { scope, edge = '' } = options
  let { have } = options
  for (let detours = 0; detours <= maxDetours; detours++) {
    const { revision: haveRevision, digest: haveDigest } = have === undefined ? { revision: 0, digest: '' } : versionOf(have)
    const reply = await transport.ask({ scope, edge, haveRevision, haveDigest })
    if (reply.unchanged) return undefined
    checkSeal(reply, options)
    if (!isNewer(reply, options.have)) return undefined
    const { revision, digest, delta } = reply
    const forcedRevision = reply.seal?.forcedRevision ?? 0
    const config = delta === undefined ? await fromSegments(transport, reply, options) : withDelta(have, digest, delta)
    if (config !== undefined) return { revision, config, forcedRevision }
    if (delta === undefined) continue
    // A delta that does not lead there: segments do.
    options.onRefused('digest')
    have = undefined
  }
  throw new SluiceError('dependency.timeout', { detail: 'The configuration changed faster than it could be fetched' })
}

/** Whether `found` is to be taken by somebody who has `have`. Throws `config.invalid` for two revisions of one number. */
export function isNewer(found: ConfigVersion, have: ConfigRevision | undefined): boolean {
  if (have === undefined || found.revision > have.revision) return true
  if (found.revision < have.revision || found.digest === have.config.digest) return false
  throw new SluiceError('config.invalid', { detail: `Revision ${found.revision} exists with two digests: ${found.digest} and ${have.config.digest}` })
}

/** Throws `config.invalid` when nobody who may has vouched for it; without a verifier everything is taken. */
export function checkSeal(found: ConfigVersion & { readonly seal?: ConfigSeal | undefined }, { scope, verifier, onRefused }: Pick<DownloadOptions, 'scope' | 'verifier' | 'onRefused'>): void {
  const { revision, digest, seal } = found
  const isPossible = Number.isSafeInteger(revision) && revision > 0 && /^[0-9a-f]{64}$/.test(digest)
  if (!isPossible) throw new SluiceError('config.invalid', { detail: `A revision ${revision} with the digest ${digest.slice(0, 64)} cannot be` })
  if (verifier === undefined) return
  const facts = { scope, revision, digest, forcedRevision: seal?.forcedRevision ?? 0 }
  if (seal !== undefined && verifier.verify(facts, seal.signature)) return
  onRefused('signature')
  throw new SluiceError('config.invalid', { detail: `Revision ${revision} is not signed by a key that is trusted here` })
}

/** What the delta makes of `have`; undefined when that is not what the digest says. */
export function withDelta(have: ConfigRevision | undefined, digest: string, { fromDigest, lines }: ConfigDelta): SegmentedConfig | undefined {
  const from = have?.config ?? emptyConfig
  if (from.digest !== fromDigest) return undefined
  try {
    const made = from.with(linesOf(Buffer.from(lines).toString('utf8')))
    return made.digest === digest ? made : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Undefined: control has moved on. */
async function fromSegments(transport: ConfigTransport, reply: ConfigReply, options: DownloadOptions): Promise<SegmentedConfig | undefined> {
  const digests = digestsIn(reply, options)
  const known = new Map([emptySegment, ...(options.have?.config.segments ?? [])].map((segment) => [segment.digest, segment]))
  const fetched = await fetchSegments(transport, [...new Set(digests.filter((digest) => !known.has(digest)))], options)
  return fetched && new SegmentedConfig(digests.map((digest) => known.get(digest) ?? fetched.get(digest)!))
}

function digestsIn({ segments, digest, revision }: ConfigReply, { onRefused }: DownloadOptions): string[] {
  const all = Buffer.from(segments).toString('hex').match(/.{64}/g) ?? []
  if (segments.length === segmentCount * 32 && rootDigest(all) === digest) return all
  onRefused('digest')
  throw new SluiceError('config.invalid', { detail: `The list of segments of revision ${revision} does not have the digest ${digest}` })
}

async function fetchSegments(transport: ConfigTransport, wanted: readonly string[], { scope, maxBytes, onRefused }: DownloadOptions): Promise<Map<string, Segment> | undefined> {
  const fetched = new Map<string, Segment>()
  let pieces: Uint8Array[] = []
  let offset = 0
  let sum = 0
  while (fetched.size < wanted.length) {
    const digests = wanted.slice(fetched.size, fetched.size + segmentCount)
    const { segments } = await transport.askSegments({ scope, digests, offset })
    if (segments.length === 0) return undefined
    for (const [index, { digest, totalBytes, bytes }] of segments.entries()) {
      sum += bytes.length
      if (sum > maxBytes) throw new SluiceError('config.invalid', { detail: `The configuration has more than ${maxBytes} bytes` })
      pieces.push(bytes)
      offset += bytes.length
      if (digest !== digests[index] || (bytes.length === 0 && offset < totalBytes)) throw new SluiceError('config.invalid', { detail: 'Segments came in parts that do not fit together' })
      if (offset < totalBytes) break
      const segment = makeSegment(Buffer.concat(pieces).toString('utf8'))
      if (segment.digest !== digest) {
        onRefused('digest')
        throw new SluiceError('config.invalid', { detail: `A segment does not have the digest ${digest}` })
      }
      fetched.set(digest, segment)
      pieces = []
      offset = 0
    }
  }
  return fetched
}
