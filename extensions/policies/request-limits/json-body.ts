/** Which request bodies are read as JSON, and whether they can be. */
import type { HeaderFields } from '@sluice/http'

const jsonType = /(?:^|,)\s*(?:application\/json|text\/json|[^;,]*\+json)\s*(?:[;,]|$)/i
/** A text in another one could be JSON here and something else there. RFC 8259 §8.1: it is UTF-8, of which ASCII is a part. */
const otherCharset = /;\s*charset\s*=\s*(?!"?(?:utf-?8|us-ascii)"?\s*(?:;|$))/i

/** Whether one of the fields says so: of several, an upstream may go by any. */
export function saysJson(headers: HeaderFields): boolean {
  return headers.getAll('content-type').some((type) => jsonType.test(type))
}

/** Whether the body is plain UTF-8: neither compressed nor in another charset. */
export function isPlain(headers: HeaderFields): boolean {
  return headers.getAll('content-encoding').every((coding) => /^\s*(?:identity)?\s*$/i.test(coding)) && !headers.getAll('content-type').some((type) => otherCharset.test(type))
}
