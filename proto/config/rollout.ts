import { z } from 'zod'

const ring = z
  .strictObject({
    edges: z.int().min(1).max(10_000).optional().describe('So many edges.'),
    percent: z.number().gt(0).lt(100).optional().describe('This share of the live edges, one at least.'),
  })
  .refine((value) => (value.edges === undefined) !== (value.percent === undefined), 'either "edges" or "percent"')

/** How a revision reaches the edges: all at once, or a few first. */
export const rolloutSettings = z.strictObject({
  rings: z.array(ring).max(10).default([]).describe('Edges that a revision is tried on before the others, one ring after the other; which ones follows from their names. All at once when left empty, and where a ring would be everybody.'),
  soakSeconds: z.number().min(1).max(86_400).default(60).describe('How long a ring is watched once all of it runs the revision.'),
  gates: z
    .strictObject({
      serverErrorPercent: z.number().min(0).max(100).default(1).describe('The share of answers of 500 or more may be so many percentage points above that of the other edges.'),
      p99Factor: z.number().min(1).max(1000).default(2).describe('99 % of the requests may take so many times as long as on the other edges, and 5 ms at least.'),
      minimumRequests: z.int().min(1).max(1_000_000).default(100).describe('A ring that has had fewer is not judged by its answers.'),
    })
    .prefault({})
    .describe('What stops a revision and brings the one before back, besides edges that refuse it or go missing.'),
})

export type RolloutSettings = z.output<typeof rolloutSettings>
