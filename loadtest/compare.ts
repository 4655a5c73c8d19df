/**
 * `npm run bench:compare`: this gateway beside others, plain (W1) and with a token, a limit and a log line on each request
 * (W2); each on one pinned core, nginx just before and after each of them as the yardstick. `--seconds N` [6] a round,
 * `--twice`: two rounds of each, one after another, both told; `--plot FILE`: the ratios as an SVG; `--sweeps`: instead, what the gateway's cost grows with (routes, bodies, policies, connections).
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { gatewayCore, inPlace, loadCore } from './bench/bench-place.ts'
import { bareRelay, nginxProxy, plainNode, type BenchPlace, type Contender } from './bench/contenders.ts'
import { machine, measure, measureRounds, printRows, rated, rowText, type RatedRow, type Round } from './bench/measure.ts'
import { nodePeers } from './bench/node-peers.ts'
import { barChart } from './bench/plot.ts'
import { caddy, envoy, haproxy, traefik } from './bench/peers.ts'
import { sweeps } from './bench/sweeps.ts'
import { makeTokens, plainWorkload, policyWorkload } from './bench/workloads.ts'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '6' }, connections: { type: 'string', default: '64' }, sweeps: { type: 'boolean', default: false }, twice: { type: 'boolean', default: false }, plot: { type: 'string' } } })
const round: Round = { seconds: Number(values.seconds), connections: Number(values.connections), core: loadCore }

await inPlace(gatewayCore, async (place) => {
  console.log(`\n${machine(round)}, 256-byte JSON\n`)
  if (values.sweeps) await runSweeps(place)
  else await runContenders(place)
})

/** Each between two rounds of nginx, whose mean is its yardstick: what else the machine does changes by the minute. */
async function runContenders(place: BenchPlace): Promise<void> {
  const rows: RatedRow[] = []
  let before = await measure(nginxProxy(place), round)
  for (const contender of await contenders(place)) {
    const measured = await measureRounds(contender, round, values.twice ? 2 : 1)
    const after = await measure(nginxProxy(place), round)
    const ratedRows = measured.map((row) => rated(row, (before.perCpuSecond + after.perCpuSecond) / 2))
    for (const row of ratedRows) console.error(rowText(row))
    rows.push(...ratedRows)
    before = after
  }
  printRows(rows)
  const bars = rows.map(({ name, ratio }) => ({ name, value: ratio, isOwn: name.startsWith('sluice') }))
  if (values.plot !== undefined) writeFileSync(values.plot, barChart('Requests per CPU-second, nginx = 1', bars, 1))
}

async function contenders(place: BenchPlace): Promise<Contender[]> {
  const tokens = await makeTokens(place.directory)
  return [
    plainWorkload(place), haproxy(place), await envoy(place), await caddy(place), await traefik(place), ...(await nodePeers(place)), plainNode(place),
    bareRelay(place, 'data'), bareRelay(place, 'shared'),
    await policyWorkload(place), haproxy(place, tokens), await envoy(place, tokens),
  ]
}

async function runSweeps(place: BenchPlace): Promise<void> {
  for (const { name, steps } of sweeps(place)) {
    const yardstick = await measure(nginxProxy(place), round)
    const rows: RatedRow[] = []
    for (const { contender, connections } of steps) rows.push(rated(await measure(contender, { ...round, ...(connections !== undefined && { connections }) }), yardstick.perCpuSecond))
    console.log(`\n${name}\n`)
    printRows(rows)
  }
}
