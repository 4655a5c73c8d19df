/** The serving side of the configuration's way to the edges (docs of the walk: steps 5 and 6): only control calls it. */
import { type ConfigReply, ConfigHintSchema, ConfigReplySchema, type ConfigRequest, ConfigRequestSchema } from '@sluice/proto/messages/control'
import { subjects } from '@sluice/proto/subjects'
import type { Bus, Subscription } from './bus.ts'
import type { ConfigDocument } from './config-document.ts'
import { announce, answer, type ListenOptions } from './rpc.ts'

const maxInlineBytes = 64 * 1024
const chunkBytes = 512 * 1024

export interface AnswerConfigParts extends ListenOptions {
  /** The newest revision; nothing before the first. Asked for each chunk, so it should come from memory. */
  head(): Promise<ConfigDocument | undefined>
}

/** Answers who asks for the head revision, in chunks of 512 KiB. */
export function answerConfig(bus: Bus, scope: string, parts: AnswerConfigParts): Subscription {
  const { head, ...options } = parts
  const types = { request: ConfigRequestSchema, reply: ConfigReplySchema }
  return answer(bus, subjects.configGet(scope), types, async (request) => replyTo(request, await head(), scope), options)
}

/** Tells everybody of a new revision; the document goes along when it has at most 64 KiB. */
export function announceConfig(bus: Bus, scope: string, { revision, digest, document }: ConfigDocument): void {
  const inline = document.length <= maxInlineBytes ? document : new Uint8Array()
  announce(bus, subjects.configHint(scope), ConfigHintSchema, { scope, revision, digest, document: inline })
}

function replyTo(request: ConfigRequest, head: ConfigDocument | undefined, scope: string): Partial<Omit<ConfigReply, '$typeName'>> {
  if (head === undefined) return { scope, unchanged: true }
  const { revision, digest, document } = head
  const facts = { scope, revision, digest, totalBytes: document.length }
  const isAtHead = request.haveRevision === revision && request.haveDigest === digest
  if (isAtHead && request.revision === 0) return { ...facts, unchanged: true }
  // Whoever was reading an older revision gets the beginning of the head instead, and sees so by its number.
  const goesOn = request.revision === revision && Number.isSafeInteger(request.offset) && request.offset >= 0
  const offset = goesOn ? Math.min(request.offset, document.length) : 0
  return { ...facts, offset, chunk: document.subarray(offset, offset + chunkBytes) }
}
