/** Where a bench runs: a scratch directory, ports, and an upstream that answers. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
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
  const port = await freePorts()
  const place: BenchPlace = { directory, gatewayCore: core, upstreamPort: port + 80, port }
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

/** The first of some free ones: what is left of a run that was cut off must not be measured in a contender's place. */
async function freePorts(): Promise<number> {
  for (let port = 19_000; port < 20_000; port += 100) {
    const taken = await Promise.all([port, port + 1, port + 2, port + 80].map(isTaken))
    if (!taken.includes(true)) return port
  }
  throw new Error('no free ports between 127.0.0.1:19000 and :20000: what earlier runs have left has to be ended first')
}

function isTaken(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}
