/** What is to be purged, as the admin API takes it and backends say it on the bus. */
import { purgedUrl } from '@sluice/http'
import { z } from 'zod'
import type { Purged } from './cache-purges.ts'

const url = z.string().max(8192).refine((text) => purgedUrl(text) !== undefined, 'a URL with its host, such as "https://api.example.com/users/7?view=full"')
const most = 1000

export const purgeBody = z
  .strictObject({
    urls: z.array(url).max(most).default([]).describe('Responses of these URLs, whatever the scheme. Of the query what counts as key: with `keyQuery` those parameters, by name.'),
    prefixes: z.array(url).max(most).default([]).describe('Responses of all URLs that begin so.'),
    tags: z.array(z.string().min(1).max(128)).max(most).default([]).describe('Responses with these tags.'),
    everything: z.boolean().default(false).describe('All responses.'),
  })
  .refine(({ urls, prefixes, tags, everything }) => everything || urls.length + prefixes.length + tags.length > 0, 'at least one of "urls", "prefixes", "tags", or "everything: true"')

/** Throws nothing: what is no URL has not passed the schema. */
export function purgedOf({ urls, prefixes, tags, everything }: z.output<typeof purgeBody>): Purged {
  return { urls: urls.map((text) => purgedUrl(text)!), prefixes: prefixes.map((text) => purgedUrl(text)!), tags, everything }
}
