import { z } from 'zod'
import { policyList } from './policy-entry.ts'
import { resourceMarks, resourceName } from './strings.ts'

const host = z
  .string()
  .regex(/^(\*\.)?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(:\d{1,5})?$|^\[[0-9A-Fa-f:.]+\](:\d{1,5})?$/, 'a host such as "api.example.com", "*.example.com" or "api.example.com:8443"')

const pathTemplate = z.string().superRefine((value, context) => {
  const problem = pathTemplateProblem(value)
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
})

/** What is wrong with a path template, or undefined: `/a/{b}/c`, with `{rest*}` only as the last segment. */
export function pathTemplateProblem(value: string): string | undefined {
  if (!value.startsWith('/')) return 'a path begins with "/"'
  const names = new Set<string>()
  const segments = value.slice(1).split('/')
  for (const [index, segment] of segments.entries()) {
    if (!segment.includes('{') && !segment.includes('}')) continue
    const match = /^\{([A-Za-z_][A-Za-z0-9_]*)(\*?)\}$/.exec(segment)
    if (match === null) return `a parameter fills a whole segment, such as "/{id}/"; found "${segment}"`
    if (match[2] === '*' && index !== segments.length - 1) return `"{${match[1]}*}" can only be the last segment`
    if (names.has(match[1]!)) return `the parameter "${match[1]}" stands twice`
    names.add(match[1]!)
  }
  return undefined
}

/** A value, `*` for present, `~regex` for a pattern (RE2 syntax, not anchored). */
const condition = z.string()

export const routeMatch = z
  .strictObject({
    hosts: z.array(host).min(1).max(1000).optional().describe('Exact or `*.example.com`, with or without port; any host when left out.'),
    path: pathTemplate.optional().describe('Exact, with parameters {name} and a last {rest*}.'),
    pathPrefix: z.string().startsWith('/').optional().describe('Ends at a segment boundary.'),
    pathRegex: z.string().min(1).max(4096).optional().describe('RE2 syntax; not anchored.'),
    methods: z.array(z.string().regex(/^[A-Z][A-Z0-9_-]{0,31}$/, 'a method in capitals, such as "GET"')).min(1).optional().describe('Any when left out; GET takes HEAD along.'),
    headers: z.record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'a header field name'), condition).optional().describe('All must hold: a value, `*` for present, `~regex`.'),
    query: z.record(z.string().min(1), condition).optional().describe('As `headers`, for query parameters.'),
    addresses: z.array(z.union([z.cidrv4(), z.cidrv6()], 'an address range such as "10.0.0.0/8"')).min(1).optional().describe('The client\'s address is in one of these ranges.'),
    groups: z.array(resourceName).min(1).max(100).optional().describe('The consumer is in one of these groups. Routes that are alike in everything else are chosen from once it is known who is calling; one without groups takes everybody else. They have to say alike who is calling, and what comes before that.'),
  })
  .refine(
    (value) => [value.path, value.pathPrefix, value.pathRegex].filter((one) => one !== undefined).length <= 1,
    'only one of "path", "pathPrefix" and "pathRegex"',
  )

export const rewrite = z
  .strictObject({
    stripPrefix: z.string().startsWith('/').optional().describe('Taken off the front of the path.'),
    path: z.string().startsWith('/').optional().describe('The new path; {name} is the parameter.'),
  })
  .refine((value) => (value.stripPrefix === undefined) !== (value.path === undefined), 'needs either "stripPrefix" or "path"')

export const route = z
  .strictObject({
  name: resourceName.describe('Unique among routes; in logs, metrics and usage.'),
  match: routeMatch.describe('Which requests; all that is given must hold.'),
  upstream: resourceName.optional().describe('Where they go; left out when a policy answers, or with `split`.'),
  split: z
    .array(z.strictObject({ upstream: resourceName.describe('Where this part goes.'), weight: z.number().min(0).max(1_000_000).describe('Its share beside the others; 0 takes none.') }))
    .min(1)
    .max(32)
    .refine((ways) => ways.some(({ weight }) => weight > 0), 'a weight above 0 for one of them')
    .optional()
    .describe('Instead of `upstream`: several, each with its share.'),
  splitOn: z
    .string()
    .regex(/^(sticky-cookie|client|path|(header|cookie):[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128})$/, '"sticky-cookie", "client", "path", "header:NAME" or "cookie:NAME"')
    .optional()
    .describe('With `split`: what has the same one goes the same way, `client` (its address), `path`, `header:NAME` or `cookie:NAME` (a request without it goes by the client\'s address), or `sticky-cookie`: a cookie of the gateway\'s own, `sluice_split_` and the route\'s name, keeps a client on its way [every request for itself].'),
  mirror: z
    .strictObject({
      upstream: resourceName.describe('Where copies go; their answers are thrown away.'),
      percent: z.number().gt(0).max(100).default(100).describe('Of the requests, by chance.'),
      maxBodyBytes: z.int().min(0).max(16_777_216).default(65_536).describe('Requests with a longer body are not copied.'),
    })
    .optional()
    .describe('Copies of requests for a shadow upstream. The client never waits for them: beyond 128 under way in a worker they are dropped and counted.'),
  rewrite: rewrite.optional().describe('What is sent upstream instead of the client\'s path.'),
  policies: policyList.default([]).describe('For this route alone; the most specific place of all.'),
  onClientAbort: z.enum(['cancel', 'continue']).default('cancel').describe('What happens upstream when the client leaves.'),
  ...resourceMarks,
})
  .refine((value) => value.upstream === undefined || value.split === undefined, { path: ['split'], error: 'no "upstream" beside it' })
  .refine((value) => value.splitOn === undefined || value.split !== undefined, { path: ['splitOn'], error: '"split" beside it' })
  .refine((value) => value.mirror === undefined || value.upstream !== undefined || value.split !== undefined, { path: ['mirror'], error: 'needs "upstream" or "split" beside it' })

/** The upstreams that a route leads to, those of copies included. */
export function upstreamsOfRoute({ upstream, split = [], mirror }: Pick<z.input<typeof route>, 'upstream' | 'split' | 'mirror'>): string[] {
  return [...(upstream === undefined ? [] : [upstream]), ...split.map((way) => way.upstream), ...(mirror === undefined ? [] : [mirror.upstream])]
}

export type Route = z.output<typeof route>
export type RouteMatch = z.output<typeof routeMatch>
