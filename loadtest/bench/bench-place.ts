/** Where a bench runs: a scratch directory, ports, and an upstream that answers. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { endAll, nginxUpstream, type BenchPlace } from './contenders.ts'
import { untilAnswers } from './measure.ts'

export const loadCore = 0
export const gatewayCore = 1

/** Runs `bench` with its upstream, and clears up whatever comes of it. `KEEP` in the environment keeps the directory. */
export async function inPlace(core: number, bench: (place: BenchPlace) => Promise<void>): Promise<void> {
  if (availableParallelism() < 2) throw new Error('the bench needs two cores: one for the gateway, one for load and upstream')
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  // The workers of nginx run as another user, and serve files from here.
  chmodSync(directory, 0o755)
  const place: BenchPlace = { directory, gatewayCore: core, upstreamPort: 19_080, port: 19_000 }
  await refuseTaken([place.port, place.upstreamPort])
  nginxUpstream(place, loadCore)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => {
    endAll()
    process.exit(1)
  })
  try {
    await untilAnswers(`http://127.0.0.1:${place.upstreamPort}/`)
    await bench(place)
  } finally {
    endAll()
    if (process.env['KEEP'] === undefined) rmSync(directory, { recursive: true, force: true })
  }
}

/** What is left of another run would be measured in a contender's place. */
async function refuseTaken(ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    const isTaken = await fetch(`http://127.0.0.1:${port}/`).then((response) => response.arrayBuffer()).then(() => true, () => false)
    if (isTaken) throw new Error(`something answers at 127.0.0.1:${port} already, perhaps a contender of a run that was cut off: end it first`)
  }
}
