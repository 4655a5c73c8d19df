/** Runs cases on both engines, as many at once as there are lanes, and gathers what nobody has explained. */
import type { BothEngines, BothOutcomes } from './both-engines.ts'
import { explain } from './engine-differences.ts'
import type { FuzzCase } from './mutations.ts'

export interface FuzzResult {
  /** By difference, and `same`. */
  readonly counts: ReadonlyMap<string, number>
  readonly unexplained: readonly string[]
}

/** Takes cases from `next` until it has no more. */
export async function fuzz(engines: BothEngines, next: () => FuzzCase | undefined): Promise<FuzzResult> {
  const counts = new Map<string, number>()
  const unexplained: string[] = []
  await Promise.all(Array.from({ length: engines.laneCount }, async (_, lane) => {
    for (let item = next(); item !== undefined; item = next()) {
      const { id, outcomes } = await judge(engines, lane, item)
      if (id === undefined) unexplained.push(describe(item, outcomes))
      else counts.set(id, (counts.get(id) ?? 0) + 1)
    }
  }))
  return { counts, unexplained }
}

/** A difference counts when it comes twice: a busy machine makes some that are none. */
async function judge(engines: BothEngines, lane: number, { bytes, cuts }: FuzzCase): Promise<{ id: string | undefined; outcomes: BothOutcomes }> {
  const first = await engines.compare(lane, bytes, cuts)
  const id = explain(bytes, first)
  if (id !== undefined) return { id, outcomes: first }
  const outcomes = await engines.compare(lane, bytes, cuts)
  return { id: explain(bytes, outcomes), outcomes }
}

function describe({ seed, bytes, cuts }: FuzzCase, { own, node }: BothOutcomes): string {
  return `seed ${seed}: ${JSON.stringify(bytes)} cut at ${JSON.stringify(cuts)}\n  own  ${JSON.stringify(own)}\n  node ${JSON.stringify(node)}`
}
