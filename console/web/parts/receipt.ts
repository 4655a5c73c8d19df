/** What came of a change, in one sentence. */
import type { Receipt } from '../api/answers.ts'

/** A change that not every edge runs yet is told as that, with the edges. */
export function sayReceipt({ revision, edges, ring, propagationMs }: Receipt): string {
  const what = revision === undefined ? 'The change' : `Revision ${revision}`
  if (edges === undefined) return `${what} is made.`
  const refused = (edges.refused ?? []).map(({ edge, detail }) => ` ${edge} refused it: ${detail}.`).join('')
  const missing = edges.missing.length === 0 ? '' : ` Not yet on ${edges.missing.join(', ')}.`
  const tried = ring === undefined ? '' : ` It is tried on ${ring.edges.join(', ')} first.`
  const time = propagationMs === undefined || missing !== '' ? '' : ` in ${Math.round(propagationMs)} ms`
  return `${what} is in force on ${edges.acknowledged} of ${edges.expected} edges${time}.${missing}${refused}${tried}`
}

/** How long a change is waited for. */
export const waitForAll = 'wait=all&timeoutMs=10000'
