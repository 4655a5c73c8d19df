import assert from 'node:assert/strict'
import { it } from 'node:test'
import { answer, fetchOnce, startUpstream, waitUntil, type Cleanup } from '@sluice/testkit'
import { startEdge } from './edge-harness.ts'

/** Holds the process up again and again, as too much work would: its event loop is late while this lasts. */
function holdUp(t: Cleanup, pid: number): () => void {
  const stop = (): void => void process.kill(pid, 'SIGSTOP')
  const goOn = (): void => void process.kill(pid, 'SIGCONT')
  let isHeld = false
  const turns = setInterval(() => {
    isHeld = !isHeld
    if (isHeld) stop()
    else goOn()
  }, 150)
  let isOver = false
  const end = (): void => {
    if (isOver) return
    isOver = true
    clearInterval(turns)
    goOn()
  }
  t.after(end)
  return end
}

it('a worker that is late refuses a part of the requests with 503 and when to come back, never the health path, and recovers', async (t) => {
  const upstream = await startUpstream(t)
  upstream.does(answer(200, 'fine'))
  const clearUps: (() => void | Promise<void>)[] = []
  // A process that is held up cannot end.
  t.after(async () => {
    for (const clearUp of clearUps.reverse()) await clearUp()
  })
  const last = { after: (clearUp: () => void | Promise<void>) => void clearUps.push(clearUp) }
  const under = await startEdge(
    last,
    {
      listeners: { http: { address: '127.0.0.1:0', healthPath: '/health', delaySeconds: 0 } },
      upstreams: { main: { endpoints: [{ url: upstream.url }] } },
      routes: [{ name: 'all', match: { pathPrefix: '/' }, upstream: 'main' }],
    },
    { shedLagMs: 25 },
  )
  const url = under.edge.addresses[0]!
  const metric = async (name: string) => (await under.edge.metricsSnapshot()).find((one) => one.name === name)?.series[0]?.value ?? 0
  await waitUntil(async () => (await fetchOnce(`${url}/x`)).status === 200, { timeoutMs: 20_000 })
  const release = holdUp(last, under.edge.workerPids[0]!)
  const refused = await waitUntil(async () => {
    const response = await fetchOnce(`${url}/x`)
    return response.status === 503 ? response : undefined
  }, { timeoutMs: 30_000, what: 'a request to be refused' })
  assert.equal(refused.json<{ error: { reason: string } }>().error.reason, 'internal.overloaded')
  assert.equal(refused.headers['retry-after'], '1')
  for (let count = 0; count < 10; count++) assert.equal((await fetchOnce(`${url}/health`)).status, 200)
  release()
  await waitUntil(async () => {
    for (let count = 0; count < 20; count++) if ((await fetchOnce(`${url}/x`)).status !== 200) return false
    return true
  }, { timeoutMs: 60_000, everyMs: 200, what: 'twenty requests in a row to be served' })
  assert.ok((await metric('sluice_requests_shed_total')) > 0)
})
