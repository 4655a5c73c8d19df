import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { loadConfigFile } from './config-file.ts'
import { checkConfigFile } from './index.ts'

async function folderWith(context: TestContext, files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-config-'))
  context.after(() => rm(folder, { recursive: true }))
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), content)
  return folder
}

test('comments, spelling and the order of keys do not change the digest of a file', async (context) => {
  const folder = await folderWith(context, { 'a.yaml': 'version: 1\nroutes: []\n', 'b.json': '{"routes":[],"version":1}', 'c.yaml': '# same\nroutes: [ ]\nversion: 1 # one\n', 'd.yaml': 'version: 1' })
  const [a, b, c, d] = await Promise.all(['a.yaml', 'b.json', 'c.yaml', 'd.yaml'].map((name) => loadConfigFile(join(folder, name))))
  assert.equal(a?.digest, b?.digest)
  assert.equal(a?.digest, c?.digest)
  assert.notEqual(a?.digest, d?.digest)
  assert.equal(a?.baseDirectory, folder)
})

test('a file that is not there, not text or not YAML is a problem at its place', async (context) => {
  const folder = await folderWith(context, { 'binary.yaml': Uint8Array.of(0xff, 0xfe, 0x00), 'broken.yaml': 'version: 1\nroutes: [\nupstreams: {}\n', 'twice.yaml': 'version: 1\nversion: 1\n' })
  const problem = async (name: string) => (await loadConfigFile(join(folder, name))).problems[0]
  assert.equal((await problem('nowhere.yaml'))?.message, 'there is no such file')
  assert.equal((await problem('binary.yaml'))?.message, 'the file is not UTF-8 text')
  assert.deepEqual((await problem('broken.yaml'))?.position.line, 3)
  assert.deepEqual([(await problem('twice.yaml'))?.message, (await problem('twice.yaml'))?.position.line], ['Map keys must be unique', 2])
})

test('aliases that would grow without end are refused', async (context) => {
  const letters = [...'bcdefghijk']
  const lines = letters.map((letter, index) => `${letter}: &${letter} [${Array(10).fill(`*${'abcdefghijk'[index]}`).join(',')}]`)
  const folder = await folderWith(context, { 'bomb.yaml': ['a: &a [x]', ...lines].join('\n') })
  assert.match((await loadConfigFile(join(folder, 'bomb.yaml'))).problems[0]?.message ?? '', /by aliases/)
})

test('the files of a folder are one configuration, and each problem names its own file', async (context) => {
  const folder = await folderWith(context, {
    '10-upstreams.yaml': 'version: 1\nupstreams:\n  users: { endpoints: [ { url: "http://127.0.0.1:1" } ] }\n',
    '20-team-a.yml': 'version: 1\nroutes:\n  - { name: a, match: { path: /a }, upstream: users }\n',
    '30-team-b.json': '{\n "routes": [\n  { "name": "b", "match": { "path": "/b" }, "upstream": "user" } ] }',
    'notes.txt': 'not read',
    '.hidden.yaml': 'nor: this',
  })
  const { problems, file } = await checkConfigFile(folder, { environment: {} })
  assert.equal(file.baseDirectory, folder)
  assert.deepEqual(problems, [`${join(folder, '30-team-b.json')}:3:57: there is no upstream "user"; expected "users"; did you mean "users"?`])
})

test('a name in two files of a folder is a problem at the second', async (context) => {
  const folder = await folderWith(context, {
    'a.yaml': 'version: 1\nupstreams:\n  users: {}\nadmin: { address: ":1" }\n',
    'b.yaml': 'version: 2\nupstreams:\n  users: {}\nadmin: { address: ":2" }\n',
  })
  const { problems } = await checkConfigFile(folder, { environment: {} })
  assert.deepEqual(problems, [
    `${join(folder, 'b.yaml')}:1:1: "version" stands in two files with different values`,
    `${join(folder, 'b.yaml')}:3:3: "users" of "upstreams" stands in ${join(folder, 'a.yaml')}:3 already`,
    `${join(folder, 'b.yaml')}:4:10: "address" of "admin" stands in ${join(folder, 'a.yaml')}:4 already`,
  ])
})

test('a folder without configuration is a problem', async (context) => {
  const folder = await folderWith(context, {})
  await mkdir(join(folder, 'sub'))
  const { problems } = await checkConfigFile(join(folder, 'sub'), { environment: {} })
  assert.match(problems[0] ?? '', /:1:1: the folder holds no configuration; expected files that end in \.yaml, \.yml or \.json$/)
})

test('relative paths start at the file\'s folder', async (context) => {
  const folder = await folderWith(context, { 'gateway.yaml': 'version: 1\npolicies:\n  - jwt: { jwksFile: keys.json }\n', 'keys.json': '{"keys":[{"kty":"oct","k":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","alg":"HS256"}]}\n' })
  const { problems, validation } = await checkConfigFile(join(folder, 'gateway.yaml'), { environment: {} })
  assert.deepEqual(problems, [])
  assert.deepEqual(validation?.revision?.secrets, { 'file:keys.json': '{"keys":[{"kty":"oct","k":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","alg":"HS256"}]}' })
})
