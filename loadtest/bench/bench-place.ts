/** Where a bench runs: a scratch directory, ports, and an upstream that answers. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { nginxUpstream, type BenchPlace } from './contenders.ts'
import { kill, untilAnswers } from './measure.ts'

export const loadCore = 0
export const gatewayCore = 1

/** Runs `bench` with its upstream, and clears up whatever comes of it. `KEEP` in the environment keeps the directory. */
export async function inPlace(core: number, bench: (place: BenchPlace) => Promise<void>): Promise<void> {
  if (availableParallelism() < 2) throw new Error('the bench needs two cores: one for the gateway, one for load and upstream')
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  // The workers of nginx run as another user, and serve files from here.
  chmodSync(directory, 0o755)
  const place: BenchPlace = { directory, gatewayCore: core, upstreamPort: 19_080, port: 19_000 }
  const upstream = nginxUpstream(place, loadCore)
  try {
    await untilAnswers(`http://127.0.0.1:${place.upstreamPort}/`)
    await bench(place)
  } finally {
    kill(upstream.pid)
    if (process.env['KEEP'] === undefined) rmSync(directory, { recursive: true, force: true })
  }
}
