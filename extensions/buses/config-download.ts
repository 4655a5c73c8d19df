import { SluiceError } from '@sluice/errors'
import { type ConfigReply, ConfigReplySchema, ConfigRequestSchema } from '@sluice/proto/messages/control'
import { subjects } from '@sluice/proto/subjects'
import type { Bus } from './bus.ts'
import { type ConfigDocument, type ConfigVersion, digestOf } from './config-document.ts'
import { call } from './rpc.ts'

export interface DownloadOptions {
  readonly scope: string
  /** What is here already: nothing at or below this revision is fetched. */
  readonly have: ConfigVersion | undefined
  /** For each chunk. */
  readonly timeoutMs: number
  readonly maxBytes: number
}

interface Draft extends ConfigVersion {
  readonly bytes: Uint8Array
  filled: number
}

// A head that moved, or an answer from a control that has not caught up. With more of them the next poll goes on.
const maxDetours = 10

/**
 * The head revision, chunk by chunk, begun again when the head moves meanwhile; `undefined` when `have` is the head
 * or newer. Throws `dependency.*` when control cannot be asked; `config.invalid` when what it sent is not what its
 * digest says, or is larger than `maxBytes`, or has the number of `have` with another digest.
 */
export async function downloadHead(bus: Bus, options: DownloadOptions): Promise<ConfigDocument | undefined> {
  const { scope, have } = options
  const asked = { scope, haveRevision: have?.revision ?? 0, haveDigest: have?.digest ?? '' }
  let draft: Draft | undefined
  for (let detours = 0; detours <= maxDetours; ) {
    const place = { revision: draft?.revision ?? 0, offset: draft?.filled ?? 0 }
    const reply = await ask(bus, options, { ...asked, ...place })
    if (draft !== undefined && reply.revision < draft.revision) {
      detours++
      continue
    }
    if (reply.unchanged || !isNewer(reply, have)) return undefined
    if (draft === undefined || reply.revision > draft.revision) {
      if (draft !== undefined) detours++
      draft = beginDraft(reply, options.maxBytes)
    }
    append(draft, reply)
    if (draft.filled === draft.bytes.length) return finish(draft)
  }
  throw new SluiceError('dependency.timeout', { detail: 'The configuration changed faster than it could be fetched' })
}

function ask(bus: Bus, options: DownloadOptions, request: { haveRevision: number; haveDigest: string; revision: number; offset: number }): Promise<ConfigReply> {
  const types = { request: ConfigRequestSchema, reply: ConfigReplySchema }
  const { scope, timeoutMs } = options
  return call(bus, subjects.configGet(scope), types, { scope, ...request }, { timeoutMs })
}

/** Whether `found` is to be taken by somebody who has `have`. Throws `config.invalid` for two revisions of one number. */
export function isNewer(found: ConfigVersion, have: ConfigVersion | undefined): boolean {
  if (have === undefined || found.revision > have.revision) return true
  if (found.revision < have.revision || found.digest === have.digest) return false
  throw new SluiceError('config.invalid', { detail: `Revision ${found.revision} exists with two digests: ${found.digest} and ${have.digest}` })
}

/** Throws `config.invalid` when the document is not what its digest says. */
export function checkDigest({ revision, digest, document }: ConfigDocument): void {
  if (digestOf(document) === digest) return
  throw new SluiceError('config.invalid', { detail: `The document of revision ${revision} does not have the digest ${digest}` })
}

function beginDraft({ revision, digest, totalBytes }: ConfigReply, maxBytes: number): Draft {
  const isPossible = Number.isSafeInteger(revision) && revision > 0 && Number.isSafeInteger(totalBytes) && totalBytes > 0
  if (!isPossible) throw new SluiceError('config.invalid', { detail: `A revision ${revision} of ${totalBytes} bytes cannot be` })
  if (totalBytes > maxBytes) throw new SluiceError('config.invalid', { detail: `Revision ${revision} has ${totalBytes} bytes; the most is ${maxBytes}` })
  return { revision, digest, bytes: new Uint8Array(totalBytes), filled: 0 }
}

function append(draft: Draft, reply: ConfigReply): void {
  const fits = reply.digest === draft.digest && reply.offset === draft.filled && reply.chunk.length > 0 && draft.filled + reply.chunk.length <= draft.bytes.length
  if (!fits) throw new SluiceError('config.invalid', { detail: `Revision ${draft.revision} came in parts that do not fit together` })
  draft.bytes.set(reply.chunk, draft.filled)
  draft.filled += reply.chunk.length
}

function finish({ revision, digest, bytes }: Draft): ConfigDocument {
  const found = { revision, digest, document: bytes }
  checkDigest(found)
  return found
}
