import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export interface SecureLoadResult {
  readonly requests: number
  readonly seconds: number
  /** Answers other than 2xx and 3xx, and requests that came to nothing. */
  readonly errors: number
  readonly meanMs: number
}

export interface SecureLoad {
  readonly url: string
  readonly protocol: 'h1' | 'h2'
  readonly requests: number
  readonly connections: number
  /** Requests under way on each connection; with HTTP/1.1 always one. */
  readonly streams: number
  /** The core that it runs on. */
  readonly core: number
}

/** Runs h2load once with one thread, for so many requests: by time it is known to hang at the end. It trusts every certificate. */
export async function runH2load({ url, protocol, requests, connections, streams, core }: SecureLoad): Promise<SecureLoadResult> {
  const shape = protocol === 'h1' ? ['--h1', '-m', '1'] : ['-m', String(streams)]
  const args = ['-c', String(core), 'h2load', '-t', '1', '-c', String(connections), '-n', String(requests), ...shape, url]
  const { stdout } = await promisify(execFile)('taskset', args, { timeout: 120_000 })
  const [, done = '0', , failed = '0', errored = '0', timedOut = '0'] = /requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout/.exec(stdout) ?? []
  const [, refused = '0', broken = '0'] = /status codes: \d+ 2xx, \d+ 3xx, (\d+) 4xx, (\d+) 5xx/.exec(stdout) ?? []
  if (!stdout.includes(protocol === 'h1' ? 'http/1.1' : 'h2')) throw new Error(`${url} was not spoken to in ${protocol}:\n${stdout}`)
  return { requests: Number(done), seconds: secondsIn(stdout), errors: [failed, errored, timedOut, refused, broken].reduce((sum, text) => sum + Number(text), 0), meanMs: meanMs(stdout) }
}

/** `finished in 3.21s, …` */
function secondsIn(text: string): number {
  const match = /finished in ([\d.]+)(us|ms|s)/.exec(text)
  return match === null ? Number.NaN : (Number(match[1]) * unitMs[match[2]!]!) / 1000
}

const unitMs: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000 }

/** `time for request:  min max mean sd …` */
function meanMs(text: string): number {
  const match = /time for request:\s+\S+\s+\S+\s+([\d.]+)(us|ms|s)/.exec(text)
  return match === null ? Number.NaN : Number(match[1]) * unitMs[match[2]!]!
}
