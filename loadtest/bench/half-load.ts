/**
 * What the gateway adds to each request at half of the rate that it reaches: the time that it says it took itself (`gatewayMs` of its
 * access log), and what clients see beyond the same load on the upstream alone.
 */
import { execFile } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { BenchPlace, Contender } from './contenders.ts'
import { machine, saturate, whileWarm, type Round } from './measure.ts'
import type { PacedResult } from './paced-load.ts'
import { makeTokens, plainWorkload, policyWorkload, withAccessLog } from './workloads.ts'

export interface HalfRow {
  readonly name: string
  /** Requests a second. */
  readonly saturation: number
  readonly rate: number
  /** Of the lines of the access log, in ms. */
  readonly gateway: Quantiles
  readonly total: PacedResult
  readonly direct: PacedResult
}

interface Quantiles {
  readonly lines: number
  readonly p50: number
  readonly p99: number
  readonly max: number
}

const program = fileURLToPath(new URL('./paced-load.ts', import.meta.url))

export async function measureAtHalf(place: BenchPlace, round: Round): Promise<HalfRow[]> {
  const tokens = await makeTokens(place.directory)
  const log = join(place.directory, 'access.log')
  return [await measureOne(plainWorkload(place, withAccessLog(place)), '-', log, place, round), await measureOne(await policyWorkload(place, tokens), tokens.authorizations, log, place, round)]
}

function measureOne(contender: Contender, authorizations: string, log: string, place: BenchPlace, round: Round): Promise<HalfRow> {
  return whileWarm(contender, round, async (pid, load) => {
    const { perSecond: saturation } = await saturate(contender.name, pid, load)
    const rate = Math.floor(saturation / 2)
    // Its own code has to be warm, too: the first seconds go to nobody's account.
    await paced(load.url, rate, 2, authorizations, round)
    const direct = await paced(`http://127.0.0.1:${place.upstreamPort}/bench`, rate, round.seconds, authorizations, round)
    // Lines come a tenth of a second late.
    await sleep(500)
    const from = statSync(log).size
    const total = await paced(load.url, rate, round.seconds, authorizations, round)
    await sleep(500)
    return { name: contender.name, saturation, rate, gateway: gatewayTimes(log, from), total, direct }
  })
}

async function paced(url: string, rate: number, seconds: number, authorizations: string, { core, connections }: Round): Promise<PacedResult> {
  const args = ['-c', String(core), process.execPath, program, url, String(rate), String(seconds), String(connections), authorizations]
  const { stdout } = await promisify(execFile)('taskset', args, { timeout: (seconds + 30) * 1000 })
  return JSON.parse(stdout) as PacedResult
}

/** Of the lines behind `from`. */
function gatewayTimes(log: string, from: number): Quantiles {
  const lines = readFileSync(log).subarray(from).toString('latin1').split('\n')
  const times = lines.flatMap((line) => /"gatewayMs":([\d.]+)/.exec(line)?.[1] ?? []).map(Number).sort((one, other) => one - other)
  const at = (part: number) => times[Math.max(0, Math.ceil(times.length * part) - 1)] ?? Number.NaN
  return { lines: times.length, p50: at(0.5), p99: at(0.99), max: at(1) }
}

export function printHalfRows(rows: readonly HalfRow[], round: Round): void {
  console.log(`\n${machine(round)}, 256-byte JSON; requests at random instants, half as many as at saturation\n`)
  console.log('| | saturation, req/s | req/s | gateway time p50, p99, max ms | seen by clients p50, p99, max ms | upstream alone p50, p99 ms | beyond it at p99 ms | load late at p99 ms | errors |')
  console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |')
  for (const { name, saturation, rate, gateway, total, direct } of rows) {
    const listed = (values: readonly number[], digits = 2) => values.map((value) => value.toFixed(digits)).join(', ')
    const beyond = (total.p99Ms - direct.p99Ms).toFixed(2)
    const cells = [Math.round(saturation), rate, listed([gateway.p50, gateway.p99, gateway.max], 3), listed([total.p50Ms, total.p99Ms, total.maxMs]), listed([direct.p50Ms, direct.p99Ms]), beyond, total.lateP99Ms.toFixed(2), total.errors + direct.errors]
    console.log(`| ${name} | ${cells.join(' | ')} |`)
  }
}
