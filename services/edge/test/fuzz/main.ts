/**
 * The longer run: `node services/edge/test/fuzz/main.ts --seconds 600 [--seed N]`, a tenth of the time for HTTP/2, whose cases need no sockets. Seeds go
 * up from the first one, which is printed; a seed alone repeats its case. Exit code 1 with what the two engines did for each unexplained difference, and
 * with what HTTP/2 made of bytes that were cut elsewhere.
 */
import { parseArgs } from 'node:util'
import { startBothEngines } from './both-engines.ts'
import { createFuzzCases } from './mutations.ts'
import { fuzzSessions } from './http2-session.ts'
import { fuzz } from './run.ts'

const laneCount = 16

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } } })
  const seconds = Number(values.seconds)
  const first = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed)
  if (!(seconds > 0) || !Number.isInteger(first)) throw new Error('--seconds is a number above 0, --seed a whole number')
  console.log(`first seed: ${first}`)
  const cleanups: (() => void | Promise<void>)[] = []
  try {
    const engines = await startBothEngines({ after: (clearUp) => void cleanups.push(clearUp) }, laneCount)
    const code = await run(engines, first, seconds * 0.9)
    return Math.max(code, runSessions(first, seconds * 0.1))
  } finally {
    for (const clearUp of cleanups.reverse()) await clearUp()
  }
}

async function run(engines: Parameters<typeof fuzz>[0], first: number, seconds: number): Promise<number> {
  const caseOf = createFuzzCases()
  const until = performance.now() + seconds * 1000
  let seed = first
  const { counts, unexplained } = await fuzz(engines, () => (performance.now() < until ? caseOf(seed++) : undefined))
  for (const found of unexplained) console.log(found)
  console.log(`${seed - first} cases, ${unexplained.length} unexplained; ${[...counts].map(([id, count]) => `${id} ${count}`).join(', ')}`)
  return unexplained.length > 0 ? 1 : 0
}

function runSessions(first: number, seconds: number): number {
  const until = performance.now() + seconds * 1000
  const { count, served, found } = fuzzSessions(first, () => performance.now() < until)
  for (const problem of found) console.log(problem)
  console.log(`${count} conversations of HTTP/2 with ${served} requests, ${found.length} with something wrong`)
  return found.length > 0 ? 1 : 0
}

process.exitCode = await main()
