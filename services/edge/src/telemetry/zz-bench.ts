import { createTelemetry } from '/work/main/services/edge/src/telemetry/telemetry.ts'
import { newRequestId } from '/work/main/services/edge/src/telemetry/request-id.ts'
import { continueTrace, traceparentOf } from '/work/main/services/edge/src/telemetry/trace-context.ts'
import { openAccessLog } from '/work/main/services/edge/src/telemetry/access-log.ts'
import { MetricsRegistry, systemClock } from '@sluice/service-kit'
const N = 300_000; let sink = 0
async function run(name: string, withLog: any) {
  const exporter: any = withLog === 'null' ? {write(l: string){ sink += l.length}, counts:{written:0,dropped:0}, async flush(){}, async close(){}} : withLog ? await openAccessLog({ file: '/tmp/bench-access.log', rotateMb: 1000, retentionDays: 1 }, { onError: console.error }) : undefined
  const t = createTelemetry({ metrics: new MetricsRegistry(), exporter, clock: systemClock, onUsage() {} })
  const phases = new Float64Array(8).fill(0.02)
  const routes = Array.from({length: 50}, (_, i) => 'route-' + i)
  const paths = Array.from({length: 1000}, (_, i) => Buffer.from('/api/users/' + i).toString()); const consumers = Array.from({length: 200}, (_, i) => 'consumer-' + i)
  for (let round = 0; round < 4; round++) {
    const c = process.cpuUsage(); const start = performance.now()
    for (let i = 0; i < N; i++) {
      t.record({ startedAtMs: Date.now(), method: 'GET', path: paths[i % 1000], template: '/api/users/{user_id}', status: 200, bytesIn: 0, bytesOut: 1234, totalMs: 1.2345 + (i % 100)/7, gatewayMs: 0.2123, upstreamMs: 1.0012, client: '127.0.0.1', requestId: '01ARZ3NDEKTSV4RRFFQ69G5FAV', traceId: '4bf92f3577b34da6a3ce929d0e0e4736', consumer: consumers[i % 200], credential: 'k7f3', route: routes[i % 50], upstream: 'users', endpoint: 'http://127.0.0.1:9001', cache: undefined, limit: 'admitted', reason: undefined, refused: false, revision: 42, phases })
      if (i % 3000 === 0) await new Promise(r => setImmediate(r))
    }
    const u = process.cpuUsage(c)
    console.log(name, 'round', round, ((performance.now() - start) * 1000 / N).toFixed(2), 'us wall', ((u.user+u.system)/N).toFixed(2), 'us cpu', (u.system/N).toFixed(2), 'sys')
  }
  await t.stop()
}
await run('no log', false)
await run('null', 'null')
await run('log', true)
for (const f of [() => newRequestId(), () => traceparentOf(continueTrace(undefined)), () => traceparentOf(continueTrace('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'))]) {
  for (let r=0;r<3;r++){ const s = performance.now(); let x=0; for (let i=0;i<500000;i++) x+=f().length; console.log(f.toString(), ((performance.now()-s)*1000/500000).toFixed(3),'us') }
}
