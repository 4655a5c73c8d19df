import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export interface LoadResult {
  readonly requests: number
  /** Answers other than 2xx and 3xx, and broken connections. */
  readonly errors: number
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface Load {
  readonly url: string
  readonly seconds: number
  readonly connections: number
  /** The core that wrk runs on. */
  readonly core: number
  readonly script?: string
}

/** Runs wrk once with one thread. */
export async function runWrk({ url, seconds, connections, core, script }: Load): Promise<LoadResult> {
  const args = ['-c', String(core), 'wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '--latency', ...(script === undefined ? [] : ['-s', script]), url]
  const { stdout } = await promisify(execFile)('taskset', args, { timeout: (seconds + 20) * 1000 })
  return {
    requests: Number(/(\d+) requests in/.exec(stdout)?.[1] ?? 0),
    errors: Number(/Non-2xx or 3xx responses: (\d+)/.exec(stdout)?.[1] ?? 0) + socketErrors(stdout),
    p50Ms: latencyMs(stdout, '50%'),
    p99Ms: latencyMs(stdout, '99%'),
  }
}

function socketErrors(text: string): number {
  const match = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)
  return match === null ? 0 : match.slice(1).reduce((sum, count) => sum + Number(count), 0)
}

const unitMs: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000 }

function latencyMs(text: string, percentile: string): number {
  const match = new RegExp(`${percentile.replace('%', '\\%')}\\s+([\\d.]+)(us|ms|s|m)`).exec(text)
  return match === null ? Number.NaN : Number(match[1]) * unitMs[match[2]!]!
}
