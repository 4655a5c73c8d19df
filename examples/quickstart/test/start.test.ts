import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fetchOnce, freePorts, runProcess, startProcess, waitUntil, type RunningProcess } from '@sluice/testkit'

const root = join(import.meta.dirname, '../../..')
const start = join(root, 'examples/quickstart/start.ts')
/** The ports of gateway.yaml: traffic, admin, metrics, and those of the sample services. */
const usualPorts = [8000, 8001, 9100, 9001, 9002, 9003]

interface Place {
  readonly configFile: string
  readonly ports: readonly number[]
}

/** The quickstart's config on free ports, in a folder that goes with the test. */
async function makePlace(t: TestContext): Promise<Place> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-quickstart-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const ports = await freePorts(usualPorts.length)
  const text = readFileSync(join(root, 'examples/quickstart/gateway.yaml'), 'utf8')
  const configFile = join(directory, 'gateway.yaml')
  writeFileSync(configFile, usualPorts.reduce((config, port, index) => config.replaceAll(`127.0.0.1:${port}"`, `127.0.0.1:${ports[index]}"`), text))
  return { configFile, ports }
}

function startQuickstart(t: TestContext, { configFile }: Place): RunningProcess {
  return startProcess(t, process.execPath, [start, '-c', configFile], { cwd: root })
}

/** What the invitation says to type, in its order. */
function curlLines(gateway: RunningProcess): string[] {
  return gateway.stdout().split('\n').map((line) => line.trim()).filter((line) => line.startsWith('curl ') || line.startsWith('for '))
}

test('every line that npm start prints works when it is typed', async (t) => {
  const gateway = startQuickstart(t, await makePlace(t))
  await gateway.waitForLine(/Ctrl-C stops everything/, { timeoutMs: 60_000 })
  const lines = curlLines(gateway)
  assert.equal(lines.length, 5)
  const answers: string[] = []
  for (const line of lines) {
    const { code, stdout, stderr } = await runProcess(t, '/bin/sh', ['-c', line], { cwd: root, env: { PATH: `${join(root, 'node_modules/.bin')}:${process.env['PATH']}` } })
    assert.equal(code, 0, `${line}\n${stderr}`)
    answers.push(stdout)
  }
  const [product = '', refused = '', user = '', users = '', limited = ''] = answers
  assert.equal((JSON.parse(product) as { id: number }).id, 7)
  assert.match(refused, /^HTTP\/1\.1 401 [^]*\r\nWWW-Authenticate: /i)
  assert.equal((JSON.parse(user) as { id: number }).id, 42)
  assert.equal((JSON.parse(users) as { total: number }).total, 222)
  assert.match(limited, /^200 200 200 200 200 (200 )?429 /)
  const [, consoleUrl = '', tokenFile = ''] = /console +(\S+) +\(sign in with the token in (.+)\)/.exec(gateway.stdout()) ?? []
  assert.match((await fetchOnce(consoleUrl)).body, /<script type="module" src="\/console\//)
  const authorization = `Bearer ${readFileSync(resolve(root, tokenFile), 'utf8').trim()}`
  assert.equal((await fetchOnce(consoleUrl, { path: '/v1/status', headers: { authorization } })).status, 200)
})

test('npm start stops everything on SIGTERM, and on Ctrl-C, which every process of it is sent', async (t) => {
  const place = await makePlace(t)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const gateway = startQuickstart(t, place)
    await gateway.waitForLine(/^ready in/, { timeoutMs: 60_000 })
    if (signal === 'SIGINT') process.kill(-gateway.pid, signal)
    else gateway.signal(signal)
    assert.deepEqual(await gateway.exited, { code: 0, signal: null })
    assert.ok(!gateway.stderr().includes('"level":"error"'), gateway.stderr())
    for (const port of place.ports) await assert.rejects(fetchOnce(`http://127.0.0.1:${port}/`), /ECONNREFUSED/)
  }
})

test('tokens are for the members of a group where the route says so', async (t) => {
  const place = await makePlace(t)
  const gateway = startQuickstart(t, place)
  await gateway.waitForLine(/^ready in/, { timeoutMs: 60_000 })
  const status = async (subject: string) => {
    const key = join(place.configFile, '../.sluice/dev-key.pem')
    const { stdout } = await runProcess(t, join(root, 'node_modules/.bin/sluice'), ['token', '--key', key, '--sub', subject])
    return (await fetchOnce(`http://127.0.0.1:${place.ports[0]}/api/orders/42`, { headers: { authorization: `Bearer ${stdout.trim()}` } })).status
  }
  assert.deepEqual([await status('acme'), await status('partner')], [200, 403])
})

test('a port of a sample service that is in use is one clear line', async (t) => {
  const place = await makePlace(t)
  const squatter = createServer()
  t.after(() => squatter.close())
  await new Promise<void>((resolve) => squatter.listen(place.ports[4], '127.0.0.1', resolve))
  const gateway = startQuickstart(t, place)
  assert.deepEqual(await gateway.exited, { code: 1, signal: null })
  assert.match(gateway.stderr(), new RegExp(`^127\\.0\\.0\\.1:${place.ports[4]} is in use by another process; change the endpoint of the upstream "orders" in .*gateway\\.yaml or free it\n$`))
  await waitUntil(() => fetchOnce(`http://127.0.0.1:${place.ports[3]}/`).then(() => false, () => true), { what: 'the other services to be gone' })
})

test('a port of the gateway that is in use is one clear line, and the sample services end', async (t) => {
  const place = await makePlace(t)
  const squatter = createServer()
  t.after(() => squatter.close())
  await new Promise<void>((resolve) => squatter.listen(place.ports[0], '127.0.0.1', resolve))
  const gateway = startQuickstart(t, place)
  assert.deepEqual(await gateway.exited, { code: 1, signal: null })
  assert.match(gateway.stderr(), new RegExp(`^127\\.0\\.0\\.1:${place.ports[0]} is in use by another process; change listeners\\.http\\.address or free it$`, 'm'))
})
