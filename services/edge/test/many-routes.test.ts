/** A configuration of a size that is served all the same: taken in, changed under traffic, and started from the disk. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { fetchOnce } from '@sluice/testkit'
import { startEdge } from './edge-harness.ts'

const count = 100_000
const perHost = 100

const says = (body: string) => [{ 'fixed-response': { status: 200, body } }]
const host = (index: number) => `host-${Math.floor(index / perHost)}.example.com`
const routes = Array.from({ length: count }, (_, index) => ({ name: `route-${index}`, match: { hosts: [host(index)], path: `/api/v1/resource-${index % perHost}/{id}` }, policies: says(`route ${index}`) }))

it('a hundred thousand routes over a thousand hosts are served, changed one by one under traffic, and come back from the disk', { timeout: 300_000 }, async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-many-'))
  // The edges end before their directory is removed: one that runs writes to it.
  const ends: (() => void | Promise<void>)[] = []
  const lifetime = { after: (end: () => void | Promise<void>) => void ends.push(end) }
  t.after(async () => {
    for (const end of ends) await end()
    await rm(directory, { recursive: true, force: true })
  })
  const under = await startEdge(lifetime, { routes: routes.slice(0, 1) }, { directory })
  const agent = new Agent({ keepAlive: true })
  t.after(() => agent.destroy())
  const ask = async (index: number) => (await fetchOnce(`${under.url}/api/v1/resource-${index % perHost}/7`, { agent, headers: { host: host(index) } })).body
  assert.equal((await under.apply({ routes }, { timeoutMs: 120_000 })).refusal, undefined)
  for (const index of [0, 1, 99, 100, 50_050, count - 1]) assert.equal(await ask(index), `route ${index}`)
  assert.equal((await fetchOnce(`${under.url}/api/v1/resource-0/7`, { agent, headers: { host: 'host-1000.example.com' } })).status, 404)

  let isChanging = true
  const wrong: string[] = []
  const traffic = (async () => {
    for (let index = 7; isChanging; index = (index + 7919) % count) {
      const body = await ask(index)
      if (body !== `route ${index}` && body !== 'changed') wrong.push(`${index}: ${body}`)
    }
  })()
  const current = [...routes]
  for (const index of [3, 40_000, 99_998]) {
    current[index] = { ...routes[index]!, policies: says('changed') }
    assert.equal((await under.apply({ routes: current }, { timeoutMs: 120_000 })).refusal, undefined)
    assert.equal(await ask(index), 'changed')
  }
  isChanging = false
  await traffic
  assert.deepEqual(wrong, [])

  // What has been acknowledged is on the disk.
  await under.edge.stop({ deadlineMs: 500 })
  const again = await startEdge(lifetime, undefined, { directory, port: under.port })
  await again.edge.serving()
  assert.deepEqual([await ask(40_000), await ask(40_001)], ['changed', 'route 40001'])
})
