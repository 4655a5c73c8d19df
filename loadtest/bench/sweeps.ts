/** What the gateway's cost grows with: one thing changes from step to step. */
import { gateway, sizes, type BenchPlace, type Contender } from './contenders.ts'
import { workload } from './workloads.ts'

export interface Sweep {
  readonly name: string
  readonly steps: readonly { readonly contender: Contender; readonly connections?: number }[]
}

export function sweeps(place: BenchPlace): Sweep[] {
  return [
    { name: 'Routes', steps: [1, 100, 10_000, 100_000].map((count) => ({ contender: gateway(place, `${count} routes`, workload(place, { routes: count })) })) },
    { name: 'Bytes of the response', steps: sizes.map((size) => ({ contender: gateway(place, `${size} bytes`, workload(place, {}), undefined, `/bytes/${size}`) })) },
    { name: 'Policies', steps: [0, 1, 2, 5, 10].map((count) => ({ contender: gateway(place, `${count} policies`, workload(place, { policies: policies.slice(0, count) })) })) },
    { name: 'Connections', steps: [16, 64, 256, 1024, 4096, 10_000].map((connections) => ({ contender: gateway(place, `${connections} connections`, workload(place, {})), connections })) },
  ]
}

/** Ten that an ordinary route may well have, none of which refuses anything here. */
const policies: readonly object[] = [
  { cors: { origins: ['https://app.example.com'] } },
  { 'ip-restriction': { deny: ['203.0.113.0/24'] } },
  { 'request-transform': { headers: { set: { 'x-stage': 'bench' }, remove: ['x-debug'] } } },
  { 'response-transform': { headers: { remove: ['server'] } } },
  { 'rate-limit': { name: 'address', key: 'ip', limit: 1_000_000_000, windowSeconds: 60 } },
  { 'rate-limit': { name: 'route', key: 'route', limit: 1_000_000_000, windowSeconds: 60 } },
  { 'rate-limit': { name: 'window', key: 'ip', algorithm: 'fixed-window', limit: 1_000_000_000, windowSeconds: 3600 } },
  { 'concurrency-limit': { limit: 100_000, key: 'ip' } },
  { 'request-limits': { maxBodyBytes: 1_000_000 } },
  { fault: { percent: 0, abortStatus: 503 } },
]
