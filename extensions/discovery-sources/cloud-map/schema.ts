import { z } from 'zod'

const tls = z.strictObject({
  caFile: z.string().min(1).optional().describe('A PEM file: the authorities that are trusted, instead of those that Node brings.'),
  serverName: z.string().min(1).max(253).optional().describe("The name asked for (SNI) and looked for in the server's certificate."),
})

const settings = z
  .strictObject({
    source: z.literal('cloud-map').default('cloud-map').describe('A service of AWS Cloud Map.'),
    region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'a region such as "eu-central-1"').describe('Of the namespace.'),
    namespace: z.string().min(1).max(1024).describe('Its name (of an HTTP namespace, or the domain of a DNS one).'),
    service: z.string().min(1).max(127).describe('The name of the service in it.'),
    port: z.int().min(1).max(65_535).optional().describe('Of instances that have no `AWS_INSTANCE_PORT`.'),
    pollSeconds: z.number().min(0.1).max(3600).default(5).describe('Between two questions; Cloud Map tells nothing by itself, and bills each question.'),
    accessKeyId: z.string().min(1).optional().describe('`env:NAME` or `file:PATH` [`AWS_ACCESS_KEY_ID` and its companions of discovery, else what the container it runs in is given].'),
    secretAccessKey: z.string().min(1).optional().describe('Belongs to it; never shown.'),
    sessionToken: z.string().min(1).optional().describe('Belongs to both, for credentials that end.'),
    url: z.url({ protocol: /^https?$/, error: 'a URL such as "https://data-servicediscovery.eu-central-1.amazonaws.com"' }).optional().describe('Who is asked [AWS, in the region].'),
    tls: tls.optional().describe('For a URL that begins with `https://`.'),
    tags: z.array(z.string()).default([]).describe('Only instances that have all of these in their attribute `tags` (with commas).'),
    version: z.string().optional().describe('Only instances whose attribute `version` is this.'),
    datacenter: z.string().optional().describe('Only instances whose attribute `datacenter`, else `REGION`, is this.'),
  })
  .refine(({ accessKeyId, secretAccessKey }) => (accessKeyId === undefined) === (secretAccessKey === undefined), { path: ['secretAccessKey'], error: 'expected together with accessKeyId' })
  .refine(({ accessKeyId, sessionToken }) => sessionToken === undefined || accessKeyId !== undefined, { path: ['sessionToken'], error: 'expected only with accessKeyId and secretAccessKey' })

/** `discovery: { source: cloud-map }`: the instances of a service of AWS Cloud Map. */
export const schema = { name: 'cloud-map', settings } as const

export type CloudMapSettings = z.output<typeof settings>
