/** What requests may carry besides a body. Unknown query parameters are refused: `?dryrun=true` must not apply anything. */
import { SluiceError } from '@sluice/errors'
import { z } from 'zod'

const timeoutMs = z.coerce.number().int().min(1).max(120_000)

export const waitQuery = z.strictObject({
  wait: z.enum(['all']).optional().describe('Answer when every live edge runs the change.'),
  timeoutMs: timeoutMs.default(10_000).describe('How long to wait; then 202 with the missing edges.'),
})

export const pageQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(100).describe('Items a page.'),
  cursor: z.string().min(1).max(1024).optional().describe('`next` of the page before.'),
})

export const nameParameter = z.object({ name: z.string().min(1).max(256) })
export const revisionParameter = z.object({ revision: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) })

export const ifMatchHeaders = z.looseObject({ 'if-match': z.string().optional().describe('`"<revision>"` that the change was made from.') })

/** The revision in If-Match; undefined when it is left out or `*`. Throws `client.bad_request`. */
export function revisionOfIfMatch(value: string | undefined): number | undefined {
  if (value === undefined || value.trim() === '*') return undefined
  const match = /^\s*(?:W\/)?"?(\d{1,15})"?\s*$/.exec(value)
  if (match === null) throw new SluiceError('client.bad_request', { detail: 'If-Match holds one revision, such as "42"' })
  return Number(match[1])
}

/** One page of named items that are all at hand; the cursor is the last name of the page before. */
export function pageOf<T extends { readonly name: string }>(items: readonly T[], { limit, cursor }: z.output<typeof pageQuery>): { items: T[]; next: string | null } {
  const sorted = [...items].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0))
  const rest = cursor === undefined ? sorted : sorted.filter((item) => item.name > cursor)
  const page = rest.slice(0, limit)
  return { items: page, next: rest.length > limit ? page.at(-1)!.name : null }
}

/** An answer's page, for the OpenAPI description. */
export function pageSchema(item: z.ZodType): z.ZodType {
  return z.object({ items: z.array(item), next: z.string().nullable() })
}
