// Requests against limits, and what a busy machine may do to them.
import { fetchOnce, type FetchedResponse } from '@sluice/testkit'
import type { System } from '../modes/system.ts'
import { readMetrics, sum } from './metrics.ts'

const atOnce = 8

/** `count` requests, spread over the edges, several at once. */
export async function burst(system: System, path: string, count: number, headers: Record<string, string> = {}): Promise<FetchedResponse[]> {
  const { edges } = system
  const answers: FetchedResponse[] = []
  let next = 0
  const client = async () => {
    for (let index = next++; index < count; index = next++) answers.push(await fetchOnce(edges[index % edges.length]!.url + path, { headers }))
  }
  await Promise.all(Array.from({ length: atOnce }, client))
  return answers
}

/** Decisions that were made without the shared count: an answer of Redis that takes 20 ms is not waited for. */
async function degraded(system: System): Promise<number> {
  const samples = await Promise.all(system.edges.map((edge) => readMetrics(edge.metricsUrl)))
  return sum(samples.flat(), 'sluice_limit_degraded_total')
}

/**
 * Runs `count` and, when it fails though the shared count was not used throughout, again with a number to make other keys
 * from: a machine that is too busy for an answer of Redis within 20 ms says nothing about how exact the count is. A failure
 * without that stands.
 */
export async function counting(system: System, count: (attempt: number) => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const before = await degraded(system)
    try {
      return await count(attempt)
    } catch (error) {
      if (attempt === 5 || (await degraded(system)) === before) throw error
    }
  }
}

export const from = (address: string) => ({ 'x-forwarded-for': address })

export const admittedOf = (answers: readonly FetchedResponse[]) => answers.filter(({ status }) => status === 200)
