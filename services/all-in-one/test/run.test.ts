import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { answer, afterPromise, fetchOnce, startProcess, startUpstream, waitUntil } from '@sluice/testkit'
import { fixed, makeWorkplace, sluice, startGateway, startServing, type Workplace } from './gateway-process.ts'

const hello = { routes: [fixed('hello', '/hello', 'one')] }

async function isListening(port: number): Promise<boolean> {
  return fetchOnce(`http://127.0.0.1:${port}/`).then(() => true, (error: NodeJS.ErrnoException) => error.code !== 'ECONNREFUSED')
}

async function assertNothingListens({ ports }: Workplace): Promise<void> {
  for (const port of Object.values(ports) as number[]) assert.equal(await isListening(port), false, `port ${port}`)
}

test('sluice run says where it serves in one line on stdout, serves, and ends with 0 on SIGTERM', async (t) => {
  const place = await makeWorkplace(t, hello)
  const gateway = await startServing(t, place)
  assert.match(gateway.stdout(), new RegExp(`^ready in \\d+ ms: ${place.traffic} admin ${place.admin}\n$`))
  assert.equal((await fetchOnce(`${place.traffic}/hello`)).body, 'one')
  gateway.signal('SIGTERM')
  assert.deepEqual(await gateway.exited, { code: 0, signal: null })
  assert.equal(gateway.stdout().split('\n').length, 2, 'nothing else was printed on stdout')
  await assertNothingListens(place)
})

test('SIGINT drains as well', async (t) => {
  const gateway = await startServing(t, await makeWorkplace(t, hello))
  gateway.signal('SIGINT')
  assert.deepEqual(await gateway.exited, { code: 0, signal: null })
})

test('health, readiness and the metrics of all services stand on one port', async (t) => {
  const place = await makeWorkplace(t, hello)
  await startServing(t, place)
  assert.equal((await fetchOnce(`${place.metrics}/healthz`)).status, 200)
  assert.deepEqual((await fetchOnce(`${place.metrics}/readyz`)).json(), { status: 'ready', reasons: [] })
  await fetchOnce(`${place.traffic}/hello`)
  const { body } = await fetchOnce(`${place.metrics}/metrics`)
  assert.match(body, /^sluice_requests_total\{route="hello",method="GET",status="200"\} 1$/m)
  assert.match(body, /^sluice_config_revision 1$/m)
  const names = [...body.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name)
  assert.equal(new Set(names).size, names.length, 'each metric stands once')
})

test('a running exchange is finished after SIGTERM', async (t) => {
  const gate = Promise.withResolvers<void>()
  const upstream = await startUpstream(t, afterPromise(gate.promise, answer(200, 'late')))
  const place = await makeWorkplace(t, { upstreams: { slow: { endpoints: [{ url: upstream.url }] } }, routes: [{ name: 'slow', match: { path: '/slow' }, upstream: 'slow' }] })
  const gateway = await startServing(t, place)
  const exchange = fetchOnce(`${place.traffic}/slow`)
  await waitUntil(() => upstream.requests.length === 1, { what: 'the request at the upstream' })
  gateway.signal('SIGTERM')
  await gateway.waitForLine(/"msg":"draining"/)
  gate.resolve()
  assert.equal((await exchange).body, 'late')
  assert.deepEqual(await gateway.exited, { code: 0, signal: null })
})

test('a second signal ends it at once', async (t) => {
  const upstream = await startUpstream(t, () => new Promise<void>(() => {}))
  const place = await makeWorkplace(t, { upstreams: { hung: { endpoints: [{ url: upstream.url }] } }, routes: [{ name: 'hung', match: { path: '/hung' }, upstream: 'hung' }] })
  const gateway = await startServing(t, place)
  fetchOnce(`${place.traffic}/hung`).catch(() => undefined)
  await waitUntil(() => upstream.requests.length === 1, { what: 'the request at the upstream' })
  gateway.signal('SIGTERM')
  await gateway.waitForLine(/"msg":"draining"/)
  gateway.signal('SIGTERM')
  assert.deepEqual(await gateway.exited, { code: 130, signal: null })
  await waitUntil(async () => !(await isListening(place.ports.http)), { what: 'its workers to end' })
})

test('a wrong config file is told whole, with its lines, and nothing listens', async (t) => {
  const place = await makeWorkplace(t, { routs: [], routes: [{ name: 'a', match: { path: '/a' }, upstream: 'nobody' }] })
  const gateway = startGateway(t, place)
  assert.deepEqual(await gateway.exited, { code: 1, signal: null })
  assert.equal(gateway.stdout(), '')
  const lines = gateway.stderr().split('\n').filter((line) => line.startsWith(`${place.configFile}:`))
  assert.ok(lines.some((line) => /:\d+:\d+: unknown setting "routs".*did you mean "routes"\?$/.test(line)), gateway.stderr())
  assert.ok(lines.some((line) => /:\d+:\d+: .*"nobody"/.test(line)), gateway.stderr())
  await assertNothingListens(place)
})

for (const [which, setting] of [['http', 'listeners.http.address'], ['admin', 'admin.address'], ['metrics', 'telemetry.metrics.address']] as const) {
  test(`a port in use is named with its setting, ${setting}, and nothing is left running`, async (t) => {
    const place = await makeWorkplace(t, hello)
    const squatter = createServer()
    t.after(() => squatter.close())
    await new Promise<void>((resolve) => squatter.listen(place.ports[which], '127.0.0.1', resolve))
    const gateway = startGateway(t, place)
    assert.deepEqual(await gateway.exited, { code: 1, signal: null })
    const said = gateway.stderr().split('\n').filter((line) => line !== '' && !line.startsWith('{'))
    assert.deepEqual(said, [`127.0.0.1:${place.ports[which]} is in use by another process; change ${setting} or free it`])
    for (const [name, port] of Object.entries(place.ports)) if (name !== which) assert.equal(await isListening(port), false, name)
  })
}

test('a config file that is not there is a problem', async (t) => {
  const place = await makeWorkplace(t)
  rmSync(place.configFile)
  const gateway = startGateway(t, place)
  assert.deepEqual(await gateway.exited, { code: 1, signal: null })
  assert.match(gateway.stderr(), /there is no such file/)
})

test('a second gateway on one data directory is refused, and the first goes on', async (t) => {
  const place = await makeWorkplace(t, hello)
  const first = await startServing(t, place)
  const second = startGateway(t, place)
  assert.deepEqual(await second.exited, { code: 1, signal: null })
  assert.match(second.stderr(), new RegExp(`the data directory .*\\.sluice is in use by another sluice run \\(process ${first.pid}\\)`))
  assert.equal((await fetchOnce(`${place.traffic}/hello`)).status, 200)
})

test('state lies beside the config file: an admin token for its owner only', async (t) => {
  const place = await makeWorkplace(t, hello)
  const gateway = await startServing(t, place)
  const file = join(place.directory, '.sluice/admin-token')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.ok(!gateway.stderr().includes(readFileSync(file, 'utf8').trim()), 'the token is in no log')
})

test('--data-dir puts it elsewhere', async (t) => {
  const place = await makeWorkplace(t, hello)
  await startServing(t, place, ['--workers', '1', '--data-dir', join(place.directory, 'state')])
  assert.ok(existsSync(join(place.directory, 'state/admin-token')))
  assert.ok(!existsSync(join(place.directory, '.sluice')))
})

test('a saved change is live, a wrong one is logged and leaves what runs', async (t: TestContext) => {
  const place = await makeWorkplace(t, hello)
  const gateway = await startServing(t, place)
  const body = async () => (await fetchOnce(`${place.traffic}/hello`)).body
  place.write({ routes: [fixed('hello', '/hello', 'two')] })
  await waitUntil(async () => (await body()) === 'two', { what: 'the new body' })
  place.write({ routes: [{ name: 'hello' }] })
  await gateway.waitForLine(/"match\\?" is missing|\\"match\\" is missing/)
  assert.equal(await body(), 'two')
  place.write({ routes: [fixed('hello', '/hello', 'three')] })
  await waitUntil(async () => (await body()) === 'three', { what: 'the next good one' })
})

test('a restart with an unchanged file makes no new revision', async (t) => {
  const place = await makeWorkplace(t, hello)
  const revision = async () => /^sluice_config_revision (\d+)$/m.exec((await fetchOnce(`${place.metrics}/metrics`)).body)?.[1]
  for (let round = 0; round < 2; round++) {
    const gateway = await startServing(t, place)
    assert.equal(await revision(), '1')
    gateway.signal('SIGTERM')
    await gateway.exited
  }
})

test('when it is killed its workers end and a new one can start', async (t) => {
  const place = await makeWorkplace(t, hello)
  const gateway = await startServing(t, place, ['--workers', '2'])
  gateway.signal('SIGKILL')
  await gateway.exited
  await waitUntil(async () => !(await isListening(place.ports.http)), { what: 'its workers to end' })
  await startServing(t, place)
  assert.equal((await fetchOnce(`${place.traffic}/hello`)).status, 200)
})

test('a folder of config files is served together', async (t) => {
  const place = await makeWorkplace(t, hello)
  writeFileSync(join(place.directory, 'more.yaml'), JSON.stringify({ version: 1, routes: [fixed('more', '/more', 'from the second file')] }))
  await startServing(t, { ...place, configFile: place.directory })
  assert.equal((await fetchOnce(`${place.traffic}/hello`)).body, 'one')
  assert.equal((await fetchOnce(`${place.traffic}/more`)).body, 'from the second file')
  assert.ok(existsSync(join(place.directory, '.sluice/admin-token')))
})

test('without a config file the last revision is served', async (t) => {
  const place = await makeWorkplace(t, hello)
  const first = await startServing(t, place)
  first.signal('SIGTERM')
  await first.exited
  rmSync(place.configFile)
  const env = { SLUICE_ADMIN_ADDRESS: `127.0.0.1:${place.ports.admin}`, SLUICE_METRICS_ADDRESS: `127.0.0.1:${place.ports.metrics}` }
  const second = startProcess(t, sluice, ['run', '--workers', '1'], { cwd: place.directory, env })
  await second.waitForLine(/^ready in/, { timeoutMs: 60_000 })
  assert.equal((await fetchOnce(`${place.traffic}/hello`)).body, 'one')
})

test('--drain-seconds ends what does not end by itself', async (t) => {
  const upstream = await startUpstream(t, () => new Promise<void>(() => {}))
  const place = await makeWorkplace(t, { upstreams: { hung: { endpoints: [{ url: upstream.url }] } }, routes: [{ name: 'hung', match: { path: '/hung' }, upstream: 'hung' }] })
  const gateway = await startServing(t, place, ['--workers', '1', '--drain-seconds', '1'])
  fetchOnce(`${place.traffic}/hung`).catch(() => undefined)
  await waitUntil(() => upstream.requests.length === 1, { what: 'the request at the upstream' })
  gateway.signal('SIGTERM')
  assert.deepEqual(await gateway.exited, { code: 0, signal: null })
})

test('each worker is counted and serves', async (t) => {
  const place = await makeWorkplace(t, hello)
  const gateway = await startServing(t, place, ['--workers', '3'])
  const token = readFileSync(join(place.directory, '.sluice/admin-token'), 'utf8').trim()
  const edges = (await fetchOnce(`${place.admin}/v1/edges`, { headers: { authorization: `Bearer ${token}` } })).json<{ items: { workers: number; state: string }[] }>()
  assert.deepEqual(edges.items.map(({ workers, state }) => ({ workers, state })), [{ workers: 3, state: 'live' }])
  gateway.signal('SIGTERM')
  assert.deepEqual(await gateway.exited, { code: 0, signal: null })
})
