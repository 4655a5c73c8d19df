import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { Agent } from 'node:http'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { tmpdir } from 'node:os'
import { it, type TestContext } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { answer, fetchOnce, freePort, startUpstream, waitUntil } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'

function documentFor(url: string, route: object = {}) {
  return { upstreams: { main: { endpoints: [{ url }] } }, routes: [{ name: 'main', match: { pathPrefix: '/' }, upstream: 'main', ...route }] }
}

const fixed = (body: string) => ({ routes: [{ name: 'fixed', match: { pathPrefix: '/' }, policies: [{ 'fixed-response': { status: 200, body } }] }] })

/** Requests one after another, over kept-alive connections or each on one of its own, until told to stop; gathers what was not 200. */
function startTraffic(url: string, lanes = 4, keepAlive = true) {
  const agent = new Agent({ keepAlive, maxSockets: lanes })
  const failures: string[] = []
  let running = true
  let count = 0
  const lane = async (): Promise<void> => {
    while (running) {
      await fetchOnce(url, { agent }).then(
        (response) => response.status !== 200 && failures.push(String(response.status)),
        (error: unknown) => failures.push(String(error)),
      )
      count++
    }
  }
  const lanesDone = Array.from({ length: lanes }, lane)
  return {
    failures,
    count: () => count,
    async stop() {
      running = false
      await Promise.all(lanesDone)
      agent.destroy()
    },
  }
}

async function restartingDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-edge-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** The revisions on an edge's disk: those that lie there whole, and those that the logs beside them lead to. */
async function revisionsOnDisk({ directory }: EdgeUnderTest): Promise<number[]> {
  const folder = join(directory, 'snapshots')
  const found: number[] = []
  for (const file of await readdir(folder).catch(() => [])) {
    if (file.endsWith('.whole')) found.push(Number(file.split('-')[0]))
    else if (file.endsWith('.changes')) found.push(...(await readFile(join(folder, file), 'utf8')).matchAll(/^\{"revision":(\d+),/gm).map(([, revision]) => Number(revision)))
  }
  return found
}

/** Changes a bit in each of the files with that ending. */
async function damage({ directory }: EdgeUnderTest, ending: string): Promise<void> {
  const folder = join(directory, 'snapshots')
  for (const file of (await readdir(folder)).filter((name) => name.endsWith(ending))) {
    const bytes = await readFile(join(folder, file))
    bytes[bytes.length >> 1]! ^= 1
    await writeFile(join(folder, file), bytes)
  }
}

it('once a revision is reported, no worker answers by an older one', async (t) => {
  const under = await startEdge(t, fixed('v1'), { workers: 2 })
  for (let version = 2; version <= 6; version++) {
    const report = await under.apply(fixed(`v${version}`))
    assert.equal(report.refusal, undefined)
    for (let probe = 0; probe < 8; probe++) assert.equal((await fetchOnce(under.url)).body, `v${version}`)
  }
})

it('a document that cannot be compiled is refused with its place, and the old one stays', async (t) => {
  const under = await startEdge(t, fixed('good'))
  const report = await under.apply({ routes: [{ name: 'lost', match: { path: '/' }, upstream: 'nowhere' }] })
  assert.equal(report.refusal?.pointer, '/routes/lost')
  assert.match(report.refusal?.detail ?? '', /route "lost".*nowhere/)
  assert.equal(report.revision, 1)
  assert.equal((await fetchOnce(under.url)).body, 'good')
  assert.equal((await under.apply(fixed('better'))).refusal, undefined)
  assert.equal((await fetchOnce(under.url)).body, 'better')
})

it('a listener moves to another address; running connections are not cut', async (t) => {
  const under = await startEdge(t, fixed('here'))
  const agent = new Agent({ keepAlive: true })
  assert.equal((await fetchOnce(under.url, { agent })).body, 'here')
  const port = await freePort()
  await under.apply({ ...fixed('moved'), listeners: { http: { address: `127.0.0.1:${port}` } } })
  assert.equal((await fetchOnce(`http://127.0.0.1:${port}`)).body, 'moved')
  await waitUntil(() => fetchOnce(under.url).then(() => false, () => true), { what: 'the old address to close' })
  agent.destroy()
})

it('an address in use is one line naming it and its setting, and nothing changes', async (t) => {
  const under = await startEdge(t, fixed('here'))
  const blocker = createServer().listen(0, '127.0.0.1')
  t.after(() => void blocker.close())
  await waitUntil(() => blocker.listening)
  const { port } = blocker.address() as { port: number }
  const report = await under.apply({ ...fixed('moved'), listeners: { http: { address: `127.0.0.1:${port}` } } })
  assert.match(report.refusal?.detail ?? '', new RegExp(`127\\.0\\.0\\.1:${port} is in use by another process; change listeners\\.http\\.address`))
  assert.equal((await fetchOnce(under.url)).body, 'here')
})

it('a worker that is killed is replaced', async (t) => {
  const under = await startEdge(t, fixed('alive'), { workers: 2 })
  const [victim] = under.edge.workerPids
  process.kill(victim!, 'SIGKILL')
  await waitUntil(() => under.edge.workerPids.length === 2 && !under.edge.workerPids.includes(victim!), { timeoutMs: 10_000 })
  // The other one may still have been starting: then nobody listened for a moment.
  await waitUntil(() => fetchOnce(under.url).then(() => true, () => false), { timeoutMs: 60_000, what: 'a worker to listen' })
  for (let probe = 0; probe < 4; probe++) assert.equal((await fetchOnce(under.url)).body, 'alive')
})

it('an only worker accepts by itself, and while it is restarted under fresh connections none is lost', async (t) => {
  const under = await startEdge(t, fixed('alone'), { workers: 1 })
  const traffic = startTraffic(under.url, 2, false)
  await under.edge.restartWorkers()
  await traffic.stop()
  assert.deepEqual(traffic.failures, [])
})

it('each worker opens the port for itself where that is asked for, and one that is killed is not missed for long', async (t) => {
  const under = await startEdge(t, fixed('mine'), { workers: 2, reusePort: true })
  await waitUntil(() => socketsListeningAt(under.port) === 2, { timeoutMs: 60_000, what: 'two sockets of one port' })
  process.kill(under.edge.workerPids[0]!, 'SIGKILL')
  await waitUntil(() => socketsListeningAt(under.port) === 1)
  assert.equal((await fetchOnce(under.url)).body, 'mine')
  await waitUntil(() => socketsListeningAt(under.port) === 2, { timeoutMs: 60_000 })
  const warned = under.log.some((line) => line.includes('SLUICE_REUSE_PORT'))
  assert.equal(warned, readFileSync('/proc/sys/net/ipv4/tcp_migrate_req', 'utf8').trim() !== '1')
})

/** proc(5): /proc/net/tcp has the local port in hex and 0A for LISTEN. */
function socketsListeningAt(port: number): number {
  const place = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return readFileSync('/proc/net/tcp', 'utf8').split('\n').filter((line) => {
    const [, local, , state] = line.trim().split(/\s+/)
    return state === '0A' && local?.endsWith(place) === true
  }).length
}

it('a connection that was handed to a worker which dies before it takes it is served by another one', async (t) => {
  const under = await startEdge(t, fixed('served'), { workers: 2 })
  await waitUntil(async () => (await fetchOnce(under.url)).status === 200)
  const bodies: string[] = []
  let victim = 0
  let all: Promise<unknown> = Promise.resolve()
  // One is on its way to the worker that does not move, which is given no second one until it has taken that; none, when it does not listen yet.
  do {
    await all
    bodies.length = 0
    await waitUntil(() => under.edge.workerPids.length === 2)
    victim = under.edge.workerPids[0]!
    process.kill(victim, 'SIGSTOP')
    all = Promise.all(Array.from({ length: 6 }, async () => bodies.push((await fetchOnce(under.url, { timeoutMs: 60_000 })).body)))
    await waitUntil(() => bodies.length >= 5, { timeoutMs: 60_000 })
    await sleep(500)
    if (bodies.length === 6 && under.edge.workerPids.includes(victim)) process.kill(victim, 'SIGCONT')
  } while (bodies.length === 6)
  process.kill(victim, 'SIGKILL')
  await all
  assert.deepEqual(bodies, Array(6).fill('served'))
})

it('each worker is restarted in turn under traffic and no request fails', async (t) => {
  const upstream = await startUpstream(t, answer(200, 'ok'))
  const under = await startEdge(t, documentFor(upstream.url), { workers: 2 })
  const traffic = startTraffic(under.url)
  const before = under.edge.workerPids
  await under.edge.restartWorkers()
  await waitUntil(() => under.edge.workerPids.length === 2)
  assert.ok(before.every((pid) => !under.edge.workerPids.includes(pid)))
  const [worker] = under.edge.workerPids
  process.kill(worker!, 'SIGTERM')
  await waitUntil(() => !under.edge.workerPids.includes(worker!) && under.edge.workerPids.length === 2, { timeoutMs: 15_000 })
  await traffic.stop()
  assert.deepEqual(traffic.failures, [])
  assert.ok(traffic.count() > 20, `only ${traffic.count()} requests`)
})

it('a new revision under traffic fails no request', async (t) => {
  const upstream = await startUpstream(t, answer(200, 'ok'))
  const under = await startEdge(t, documentFor(upstream.url))
  const traffic = startTraffic(under.url)
  for (let change = 0; change < 10; change++) await under.apply(documentFor(upstream.url, { labels: { change: String(change) } }))
  await traffic.stop()
  assert.deepEqual(traffic.failures, [])
})

it('of changes that come faster than workers take them the newest is served, kept and acknowledged, and none before it was', async (t) => {
  const under = await startEdge(t, fixed('v1'), { workers: 2 })
  const seen: string[] = []
  let isChanging = true
  const watching = (async () => {
    while (isChanging) seen.push((await fetchOnce(under.url)).body)
  })()
  const changes = Array.from({ length: 60 }, (_, index) => under.apply(fixed(`v${index + 2}`)))
  const last = await changes.at(-1)
  assert.equal(last?.refusal, undefined)
  assert.equal((await fetchOnce(under.url)).body, 'v61')
  isChanging = false
  await watching
  await Promise.all(changes)
  assert.ok((await revisionsOnDisk(under)).includes(61))
  const reported = under.reports.map(({ revision }) => revision)
  assert.deepEqual(reported, reported.toSorted((a, b) => a - b))
  assert.ok(seen.every((body) => /^v\d+$/.test(body)))
})

it('an edge starts from the last good revision on disk; a damaged one is passed over', async (t) => {
  const directory = await restartingDirectory(t)
  const port = await freePort()
  const cleanups: (() => void | Promise<void>)[] = []
  const first = await startEdge({ after: (clearUp) => void cleanups.push(clearUp) }, fixed('v1'), { directory, port })
  await first.apply(fixed('v2'))
  // It has been acknowledged, so it is there.
  assert.deepEqual(await revisionsOnDisk(first), [2, 1])
  for (const clearUp of cleanups) await clearUp()

  const restart = async () => {
    const ends: (() => void | Promise<void>)[] = []
    const under = await startEdge({ after: (clearUp) => void ends.push(clearUp) }, undefined, { directory, port })
    await under.edge.serving()
    const { body } = await fetchOnce(under.url)
    for (const end of ends) await end()
    return body
  }
  assert.equal(await restart(), 'v2')
  const whole = (await readdir(join(directory, 'snapshots'))).find((file) => file.startsWith('2-') && file.endsWith('.whole'))!
  await damage(first, whole)
  assert.equal(await restart(), 'v2')
  await damage(first, whole)
  await damage(first, '.changes')
  assert.equal(await restart(), 'v1')
})

it('healthPath answers before any policy and is not logged; draining, it says 503 while requests are still served', async (t) => {
  const under = await startEdge(t, { ...fixed('on'), listeners: { http: { address: `127.0.0.1:${await freePort()}` } } })
  const port = await freePort()
  await under.apply({ ...fixed('on'), listeners: { http: { address: `127.0.0.1:${port}`, healthPath: '/lb', delaySeconds: 1 } } })
  const url = `http://127.0.0.1:${port}`
  assert.equal((await fetchOnce(`${url}/lb`)).status, 200)
  const stopped = under.edge.stop({ deadlineMs: 2000 })
  await waitUntil(async () => (await fetchOnce(`${url}/lb`)).status === 503)
  assert.equal((await fetchOnce(`${url}/x`)).body, 'on')
  assert.equal(under.edge.health().ready, false)
  await stopped
  await assert.rejects(fetchOnce(url))
})

it('a revision that would take away much of what is served is refused, unless one since then was meant to', async (t) => {
  const many = (count: number) => ({ ...fixed('here'), routes: [...(fixed('here').routes ?? []), ...Array.from({ length: count }, (_, index) => ({ name: `r${index}`, match: { path: `/r${index}` }, policies: [{ 'fixed-response': { status: 204 } }] }))] })
  const under = await startEdge(t, many(300))
  const refused = await under.apply(many(100))
  assert.deepEqual([refused.refusal?.code, refused.revision], ['config.shrinks', 1])
  assert.equal((await fetchOnce(`${under.url}/r299`)).status, 204)
  const meant = await under.apply(many(50), { forcedRevision: 2 })
  assert.deepEqual([meant.refusal, meant.revision], [undefined, 3])
  assert.equal((await fetchOnce(`${under.url}/r99`)).body, 'here')
})

it('when workers end twice soon after a revision, the one before it serves again and the revision is reported', async (t) => {
  const under = await startEdge(t, fixed('sound'), { workers: 2 })
  await under.apply(fixed('poison'))
  const givenUp = () => under.reports.findLast(({ refusal, revision }) => refusal?.revision === 2 && revision === 1)
  // A worker that was not given the revision yet does not count against it, so two crashes may be too few; a third one that counts would be one too many.
  for (let crash = 0; crash < 10 && givenUp() === undefined; crash++) {
    const victim = await waitUntil(() => under.edge.workerPids[0])
    process.kill(victim, 'SIGSEGV')
    await waitUntil(() => !under.edge.workerPids.includes(victim), { timeoutMs: 30_000 })
    if (crash > 0) await waitUntil(givenUp, { timeoutMs: 3000 }).catch(() => undefined)
  }
  const report = await waitUntil(givenUp, { timeoutMs: 90_000, what: 'the report that revision 2 was given up' })
  assert.match(report.refusal?.detail ?? '', /ended twice within a minute of revision 2; revision 1 serves again/)
  // All of them may have ended: then the first new one has to open the port again.
  await waitUntil(async () => (await fetchOnce(under.url).catch(() => undefined))?.body === 'sound', { timeoutMs: 30_000, what: 'revision 1 to serve' })
  await waitUntil(async () => !(await revisionsOnDisk(under)).includes(2), { what: 'the revision to be gone from the disk' })
  assert.equal((await under.apply(fixed('mended'))).refusal, undefined)
  assert.equal((await fetchOnce(under.url)).body, 'mended')
})
