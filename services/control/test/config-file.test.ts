import assert from 'node:assert/strict'
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { freePort, fetchOnce, waitUntil } from '@sluice/testkit'
import { AuthDouble } from './auth-double.ts'
import { type ControlClient, makeControl, makeSurroundings, startControl, type Surroundings, upstream } from './control-under-test.ts'

interface Status {
  readonly head: { revision: number; origin: string }
  readonly file: { state: string; problems: string[]; warnings: string[]; needsRestart: string[] }
}

const text = (port: number, more = '') => `version: 1\nupstreams:\n  users: { endpoints: [ { url: "http://127.0.0.1:${port}" } ] }\n${more}`

async function withFile(context: TestContext, content: string): Promise<Surroundings & { configFile: string }> {
  const surroundings = await makeSurroundings(context)
  const folder = join(surroundings.directory, 'config')
  await mkdir(folder)
  const configFile = join(folder, 'gateway.yaml')
  await writeFile(configFile, content)
  return { ...surroundings, configFile }
}

const status = (control: ControlClient) => control.json<Status>('GET', '/v1/status')
const usersUrl = async (control: ControlClient) => (await control.json<ReturnType<typeof upstream>>('GET', '/v1/upstreams/users')).endpoints[0]?.url

test('a file is applied at start, and again after a save', async (context) => {
  const { configFile, ...surroundings } = await withFile(context, text(1))
  const control = await startControl(context, surroundings, { configFile })
  const { head, file } = await status(control)
  assert.deepEqual([head.revision, head.origin, file.state], [1, 'file', 'applied'])
  await writeFile(configFile, text(2))
  await waitUntil(async () => (await usersUrl(control)) === 'http://127.0.0.1:2')
})

test('a save by a new file in the old one\'s place is noticed, each time', async (context) => {
  const { configFile, ...surroundings } = await withFile(context, text(1))
  const control = await startControl(context, surroundings, { configFile })
  for (const port of [2, 3]) {
    await writeFile(`${configFile}.tmp`, text(port))
    await rename(`${configFile}.tmp`, configFile)
    await waitUntil(async () => (await usersUrl(control)) === `http://127.0.0.1:${port}`)
  }
})

test('a file with problems stops the start with a line for each, and nothing listens', async (context) => {
  const { configFile, ...surroundings } = await withFile(context, 'version: 1\nupstrems: {}\nroutes:\n  - { name: a, match: { path: /a }, upstream: users }\n')
  const port = await freePort()
  const control = makeControl(surroundings, { configFile, admin: { address: `127.0.0.1:${port}`, setting: 'admin.address' } })
  await assert.rejects(control.start(), (error: Error & { problems: string[] }) => {
    assert.equal(error.message, error.problems.join('\n'))
    assert.match(error.problems[0] ?? '', /gateway\.yaml:2:1: unknown setting "upstrems"; .*did you mean "upstreams"\?$/)
    assert.match(error.problems[1] ?? '', /gateway\.yaml:4:47: there is no upstream "users"/)
    return error.problems.length === 2
  })
  await assert.rejects(fetchOnce(`http://127.0.0.1:${port}/`), { code: 'ECONNREFUSED' })
  assert.equal(await surroundings.store.head('default'), undefined)
  await control.stop({ deadlineMs: 100 })
})

test('a wrong save changes nothing, is told in the log and in the status, and mended by the next', async (context) => {
  const { configFile, ...surroundings } = await withFile(context, text(1))
  const control = await startControl(context, surroundings, { configFile })
  await writeFile(configFile, `${text(2)}rutes: []\n`)
  const broken = await waitUntil(async () => {
    const now = await status(control)
    return now.file.state === 'invalid' ? now : undefined
  })
  assert.match(broken.file.problems[0] ?? '', /:4:1: unknown setting "rutes"; .*did you mean "routes"\?$/)
  assert.equal(await usersUrl(control), 'http://127.0.0.1:1')
  assert.ok(surroundings.log.some((line) => line.includes('unknown setting')))
  await writeFile(configFile, text(3))
  await waitUntil(async () => (await usersUrl(control)) === 'http://127.0.0.1:3')
  assert.deepEqual([(await status(control)).file.state, (await status(control)).file.problems], ['applied', []])
})

test('what the API wrote after a file survives a restart with the file unchanged, and yields to a new save', async (context) => {
  const { configFile, ...surroundings } = await withFile(context, text(1))
  const before = makeControl(surroundings, { configFile })
  await before.start()
  await before.stop({ deadlineMs: 100 })
  const api = await startControl(context, surroundings)
  await api.json('PUT', '/v1/upstreams/users', upstream(7))
  await api.control.stop({ deadlineMs: 100 })
  await writeFile(configFile, `# said anew\n${text(1)}`)
  const control = await startControl(context, surroundings, { configFile })
  assert.equal(await usersUrl(control), 'http://127.0.0.1:7')
  await writeFile(configFile, text(2))
  await waitUntil(async () => (await usersUrl(control)) === 'http://127.0.0.1:2')
})

test('a file that says what runs already is remembered as applied', async (context) => {
  const { configFile, ...surroundings } = await withFile(context, text(1))
  const api = await startControl(context, surroundings)
  await api.json('PUT', '/v1/upstreams/users', upstream(1))
  await api.control.stop({ deadlineMs: 100 })
  const control = await startControl(context, surroundings, { configFile })
  assert.equal((await status(control)).head.origin, 'file')
  await control.json('PUT', '/v1/upstreams/users', upstream(9))
  await control.control.stop({ deadlineMs: 100 })
  const again = await startControl(context, surroundings, { configFile })
  assert.equal(await usersUrl(again), 'http://127.0.0.1:9')
})

test('relative paths of a file start beside it, also when the API changes something else', async (context) => {
  const { configFile, ...surroundings } = await withFile(context, text(1, 'policies:\n  - jwt: { jwksFile: keys.json }\n'))
  await writeFile(join(surroundings.directory, 'config', 'keys.json'), '{"keys":[{"kty":"oct","k":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","alg":"HS256"}]}')
  const control = await startControl(context, surroundings, { configFile })
  const changed = await control.json<{ revision: number }>('PUT', '/v1/upstreams/orders', upstream(2))
  assert.match(new TextDecoder().decode((await surroundings.store.read('default', changed.revision))?.body), /"secrets\/file:keys\.json","\{/)
})

test('consumers of a file are added or updated, and no others removed', async (context) => {
  const { configFile, ...surroundings } = await withFile(context, text(1, 'consumers: [ { name: acme } ]\n'))
  const auth = new AuthDouble(surroundings.bus)
  context.after(() => auth.stop())
  const control = await startControl(context, surroundings, { configFile })
  await control.json('PUT', '/v1/consumers/other', {})
  await writeFile(configFile, text(1, 'consumers: [ { name: acme, labels: { plan: gold } }, { name: beta } ]\n'))
  await waitUntil(() => auth.consumers.has('beta'))
  assert.deepEqual([...auth.consumers.keys()].sort(), ['acme', 'beta', 'other'])
  assert.deepEqual(auth.written, ['acme', 'other', 'acme', 'beta'])
})

test('a change that needs a restart is said to', async (context) => {
  const { configFile, ...surroundings } = await withFile(context, text(1, 'admin: { address: "127.0.0.1:18001" }\n'))
  const control = await startControl(context, surroundings, { configFile })
  await writeFile(configFile, text(1, 'admin: { address: "127.0.0.1:18002" }\n'))
  const changed = await waitUntil(async () => {
    const now = await status(control)
    return now.file.needsRestart.length > 0 ? now : undefined
  })
  assert.deepEqual(changed.file.needsRestart, ['admin'])
})

test('a folder is one configuration, followed file by file', async (context) => {
  const { configFile, ...surroundings } = await withFile(context, text(1))
  const folder = join(configFile, '..')
  const control = await startControl(context, surroundings, { configFile: folder })
  await writeFile(join(folder, 'routes.yaml'), 'routes:\n  - { name: a, match: { path: /a }, upstream: users }\n')
  await waitUntil(async () => (await control.json<{ items: unknown[] }>('GET', '/v1/routes')).items.length === 1)
})
