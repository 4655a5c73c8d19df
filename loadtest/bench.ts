/**
 * `npm run bench`: gateway, nginx and plain `node:http` in front of the same upstream, each pinned to one core with
 * the load and the upstream on another. What counts is requests per CPU-second of the whole process tree, as a ratio
 * to nginx measured just before and after: on a shared machine nothing else repeats. `--seconds N` [8] a round;
 * `--only TEXT`: of the contenders beside nginx those whose names hold it; `--tokens new`: instead, W2 with tokens
 * that are seen for the first time, beside W2 as ever; `--at half`: instead, what the gateway adds to each
 * request at half of the rate that it reaches.
 */
import { parseArgs } from 'node:util'
import { gatewayCore, inPlace, loadCore } from './bench/bench-place.ts'
import { nginxProxy, plainNode } from './bench/contenders.ts'
import { measureAtHalf, printHalfRows } from './bench/half-load.ts'
import { machine, measure, printRows, rated, type Round, type Row } from './bench/measure.ts'
import { newTokensWorkload, plainWorkload, policyWorkload } from './bench/workloads.ts'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '8' }, connections: { type: 'string', default: '64' }, only: { type: 'string', default: '' }, tokens: { type: 'string', default: 'seen' }, at: { type: 'string', default: 'saturation' } } })
if (values.at !== 'saturation' && values.at !== 'half') throw new Error(`--at is "saturation" or "half", not "${values.at}"`)
if (values.tokens !== 'seen' && values.tokens !== 'new') throw new Error(`--tokens is "seen" or "new", not "${values.tokens}"`)
const round: Round = { seconds: Number(values.seconds), connections: Number(values.connections), core: loadCore }

await inPlace(gatewayCore, async (place) => {
  if (values.at === 'half') return printHalfRows(await measureAtHalf(place, round), round)
  const all = values.tokens === 'new' ? [await policyWorkload(place), await newTokensWorkload(place)] : [plainNode(place), plainWorkload(place), await policyWorkload(place)]
  const between = all.filter(({ name }) => name.includes(values.only))
  const rows: Row[] = []
  for (const contender of [nginxProxy(place), ...between, nginxProxy(place)]) rows.push(await measure(contender, round))
  console.log(`\n${machine(round)}, 256-byte JSON\n`)
  const yardstick = (rows[0]!.perCpuSecond + rows.at(-1)!.perCpuSecond) / 2
  printRows(rows.map((row) => rated(row, yardstick)))
})
