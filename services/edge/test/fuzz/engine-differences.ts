/**
 * Where the two engines differ on purpose: the list of docs/decisions/0009-engine-differences.md, as rules. A rule holds
 * for the shape of the outcomes and, unless the shape says it all, for what stands in the bytes.
 */
import { unreadable, type BothOutcomes, type EngineOutcome } from './both-engines.ts'

export interface EngineDifference {
  /** As in the first column of the page's table. */
  readonly id: string
  explains(bytes: string, outcomes: BothOutcomes): boolean
}

const refusals = new Set(['400', '414', '417', '431', '501'])

/** `refuser` ends with a refusal where the other goes on; up to there they agree. */
function refuses(refuser: EngineOutcome, other: EngineOutcome): boolean {
  const before = refuser.responses.slice(0, -1)
  return refuser.isClosed && refusals.has(refuser.responses.at(-1) ?? '') && isBeginning(before, other.responses) && isPartOf(refuser.requests, other.requests)
}

function isBeginning(some: readonly string[], all: readonly string[]): boolean {
  return some.every((line, index) => all[index] === line)
}

function isPartOf(some: readonly string[], all: readonly string[]): boolean {
  const left = [...all]
  return some.every((line) => {
    const at = left.indexOf(line)
    if (at >= 0) left.splice(at, 1)
    return at >= 0
  })
}

/** `other` answers a part of what `whole` answers, and is closed, with a refusal or without. */
function breaksOff(other: EngineOutcome, whole: EngineOutcome): boolean {
  const last = other.responses.at(-1) ?? ''
  const before = refusals.has(last) ? other.responses.slice(0, -1) : other.responses
  return other.isClosed && isBeginning(before, whole.responses) && isPartOf(other.requests, whole.requests)
}

/** The engine refuses what `node:http` lets pass. */
function stricter(id: string, pattern: RegExp): EngineDifference {
  return { id, explains: (bytes, { own, node }) => pattern.test(bytes) && refuses(own, node) }
}

/** The engine lets pass what `node:http` refuses. */
function wider(id: string, pattern: RegExp): EngineDifference {
  return { id, explains: (bytes, { own, node }) => pattern.test(bytes) && refuses(node, own) }
}

const withoutTrailers = (outcome: EngineOutcome): EngineOutcome => ({ ...outcome, requests: outcome.requests.map((line) => line.replace(/ trailers .*$/, '')) })

const expectsContinue = /expect[ \t]*:[ \t]*100-continue/i

const knownMethods = 'GET|HEAD|POST|PUT|DELETE|OPTIONS|TRACE|PATCH|CONNECT'

export const engineDifferences: readonly EngineDifference[] = [
  // Found by `explain` itself.
  { id: 'trailers', explains: () => false },
  { id: 'connection-end', explains: (_bytes, { own, node }) => own.responses.join() === node.responses.join() && isSame(own.requests, node.requests) },
  // The engine has answered what node:http answers, too, and closes where that goes on to the next request.
  { id: 'connection-end', explains: (_bytes, { own, node }) => own.isClosed && refusals.has(own.responses.at(-1) ?? '') && isBeginning(own.responses, node.responses) && isPartOf(own.requests, node.requests) },
  { id: 'upgrade-passed-over', explains: (bytes, { own, node }) => /upgrade[ \t]*:/i.test(bytes) && isBeginning(node.responses, own.responses) && isPartOf(node.requests, own.requests) },
  { id: 'waits-for-the-end', explains: (bytes, { own, node }) => !own.isClosed && refuses(node, own) && endsInside(bytes) },
  { id: 'error-overtakes', explains: (_bytes, { own, node }) => own.responses.length > 0 && own.isClosed && breaksOff(node, own) },
  { id: 'continue-unanswered', explains: (bytes, { own, node }) => expectsContinue.test(bytes) && own.isClosed && isBeginning(own.responses, node.responses) && isPartOf(own.requests, node.requests) },
  { id: 'continue-out-of-turn', explains: (bytes, { node }) => expectsContinue.test(bytes) && node.responses[0] === unreadable },
  stricter('other-codings', /transfer-encoding[ \t]*:(?![ \t]*chunked[ \t]*\r\n)/i),
  stricter('coding-in-1.0', /HTTP\/1\.0\r\n[^]*transfer-encoding/i),
  stricter('length-digits', /content-length:[ \t]*\d{16,}/i),
  stricter('request-line', /(?:^|[^A-Z])(?:GET|HEAD|POST|PUT|DELETE|OPTIONS) +[^ \r\n]+\r\n|(?:^|\n)[!-~]+(?: {2,}[^ ]+ +| +[^ ]+ {2,})HTTP|HTTP\/(?!1\.[01]\r\n)|[A-Z]+\/1\.[01](?<!HTTP\/1\.[01])\r\n/),
  // Behind a body, which is letters on a line of its own, more than one CR LF is too much before the next request.
  stricter('empty-lines', /^[\r\n]|\n\r?\n\r?\n|\n\r\n[^:\r\n/]*[g-z][^:\r\n/]*(?:\r\n\r\n|\r(?!\n)|\n)/i),
  stricter('expectation', /expect[ \t]*:(?![ \t]*100-continue[ \t]*\r\n)/i),
  stricter('websocket', /upgrade[ \t]*:[^\r\n]*websocket/i),
  stricter('host-of-absolute', / https?:\/\//i),
  stricter('many-fields', /(?:[^\r\n]+\r\n){1000}/),
  stricter('chunk-syntax', /chunked[^]*\r\n\r\n[^]*?(?:[0-9a-f][ \t]*;|[0-9a-f]{9,}\r|0\r\n(?:[^\r\n]+\r\n)*(?:host|content-length|transfer-encoding):)/i),
  // A line end left over behind the last message, which node:http passes over without a word.
  { id: 'empty-lines', explains: (bytes, { own, node }) => /[\r\n]$/.test(bytes) && refuses(own, node) && own.responses.length === node.responses.length + 1 && isSame(own.requests, node.requests) },
  // A length that takes a part of the next request line leaves a method that nobody knows.
  wider('methods', /content-length:[^]*\r\n\r\n[^]*[A-Z]+ [^ ]+ HTTP/i),
  wider('methods', new RegExp(`(?:^|\\n)(?!(?:${knownMethods}) )[!#$%&'*+.^_\`|~0-9A-Za-z-]+ `)),
  wider('target-forms', /(?:^|\n)[!-~]+ (?!\/|\*|https?:\/\/[\w.:]+[/? ])[^ \r\n]+ HTTP/i),
  wider('raw-bytes-in-target', /(?:^|\n)[!-~]+ [^ \r\n]*[\x80-\xff]/),
  wider('blanks-at-coding', /transfer-encoding:(?:[ \t]*\t| {2,}|[ \t]*chunked[ \t])/i),
]

function isSame(some: readonly string[], others: readonly string[]): boolean {
  return some.length === others.length && isPartOf(some, others)
}

/** Whether more would have to come for the last message to be whole. */
function endsInside(bytes: string): boolean {
  const end = bytes.lastIndexOf('\r\n\r\n')
  return end < 0 || end + 4 < bytes.length
}

function isSameOutcome({ own, node }: BothOutcomes): boolean {
  return own.isClosed === node.isClosed && own.responses.join() === node.responses.join() && isSame(own.requests, node.requests)
}

/** `same`, or the difference that is known; undefined for one that nobody has explained. */
export function explain(bytes: string, outcomes: BothOutcomes): string | undefined {
  if (isSameOutcome(outcomes)) return 'same'
  // Trailer fields that passed stand beside whatever else is different.
  const bare = { own: withoutTrailers(outcomes.own), node: withoutTrailers(outcomes.node) }
  if (isSameOutcome(bare)) return 'trailers'
  return engineDifferences.find((difference) => difference.explains(bytes, bare))?.id
}
