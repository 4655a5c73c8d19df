import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { loadConfigFile } from './config-file.ts'

const base = `version: 1
upstreams:
  users:
    endpoints: [ { url: "http://127.0.0.1:1" }, { url: "http://127.0.0.1:2" } ]
    timeouts: { connectMs: 100, idleMs: 200 }
  gone: { endpoints: [] }
routes:
  - name: a
    match: { path: /a }
    upstream: users
  - name: b
    match: { path: /b }
`
const overlay = `upstreams:
  users:
    endpoints: [ { url: "http://10.0.0.1:1" } ]
    timeouts: { idleMs: 900 }
  gone: null
routes:
  - name: c
    match: { path: /c }
  - name: b
    match: { methods: [ GET ] }
`

async function load(t: TestContext, ...texts: string[]) {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-overlay-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const files = texts.map((text, index) => {
    const file = join(directory, index === 0 ? 'base.yaml' : `overlay-${index}.yaml`)
    writeFileSync(file, text)
    return file
  })
  const file = await loadConfigFile(files[0]!, files.slice(1))
  const placeOf = (...path: (string | number)[]) => {
    const { file: name, line } = file.locate(path)
    return `${name.slice(directory.length + 1)}:${line}`
  }
  return { file, placeOf }
}

suite('a configuration with an overlay', () => {
  test('maps and named resources are merged, lists replaced, null takes away', async (t) => {
    const { file } = await load(t, base, overlay)
    assert.deepEqual(file.input, {
      version: 1,
      upstreams: { users: { endpoints: [{ url: 'http://10.0.0.1:1' }], timeouts: { connectMs: 100, idleMs: 900 } } },
      routes: [{ name: 'a', match: { path: '/a' }, upstream: 'users' }, { name: 'b', match: { path: '/b', methods: ['GET'] } }, { name: 'c', match: { path: '/c' } }],
    })
  })

  test('each place is in the file that the setting comes from', async (t) => {
    const { placeOf } = await load(t, base, overlay)
    assert.deepEqual(
      [
        placeOf('upstreams', 'users', 'timeouts', 'connectMs'),
        placeOf('upstreams', 'users', 'timeouts', 'idleMs'),
        placeOf('upstreams', 'users', 'endpoints', 0, 'weight'),
        placeOf('routes', 0, 'upstream'),
        placeOf('routes', 1, 'match', 'path'),
        placeOf('routes', 1, 'match', 'methods', 0),
        placeOf('routes', 2, 'match', 'path'),
      ],
      ['base.yaml:5', 'overlay-1.yaml:4', 'overlay-1.yaml:3', 'base.yaml:10', 'base.yaml:12', 'overlay-1.yaml:10', 'overlay-1.yaml:8'],
    )
  })

  test('several are laid one over the other, the last on top; an empty one changes nothing', async (t) => {
    const { file } = await load(t, base, overlay, 'upstreams: { users: { timeouts: { idleMs: 1 } } }\n', '')
    assert.equal((file.input as { upstreams: { users: { timeouts: { idleMs: number } } } }).upstreams.users.timeouts.idleMs, 1)
  })

  test('what is wrong in an overlay is told with its place', async (t) => {
    const broken = await load(t, base, 'routes: [')
    assert.match(broken.file.problems[0]!.position.file, /overlay-1\.yaml$/)
    const list = await load(t, base, '- a\n')
    assert.match(list.file.problems[0]!.message, /no map of settings/)
  })

  test('a name that only objects know is a name like others', async (t) => {
    const { file } = await load(t, '{ "upstreams": {} }', '{ "upstreams": { "__proto__": { "drainSeconds": 1 } } }')
    assert.deepEqual(Object.keys((file.input as { upstreams: object }).upstreams), ['__proto__'])
  })
})
