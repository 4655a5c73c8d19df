import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { answer } from '@sluice/testkit'
import { parse } from 'yaml'
import { runCommand, scratch, startAdmin } from '../../test/run-command.ts'

const json = { 'content-type': 'application/json' }
const config = `version: 1
routes:
  - name: hello
    match: { path: /hello }
    policies: [ { fixed-response: { status: 200, body: hi } } ]
`

function configFolder(t: Parameters<typeof scratch>[0], text = config): string {
  const directory = scratch(t)
  writeFileSync(join(directory, 'gateway.yaml'), text)
  return directory
}

function receipt(edges: object, propagationMs?: number): string {
  return JSON.stringify({ revision: 42, edges, ...(propagationMs !== undefined && { propagationMs }) })
}

test('apply --wait says how many edges run it and how long that took', async (t) => {
  const { admin, environment } = await startAdmin(t, answer(200, receipt({ acknowledged: 12, expected: 12, missing: [] }, 38), json))
  const run = await runCommand(['apply', '--wait'], { directory: configFolder(t), environment })
  assert.deepEqual(run, { code: 0, stdout: 'revision 42: 12/12 edges effective in 38 ms\n', stderr: '' })
  const [request] = admin.requests
  assert.equal(`${request?.method} ${request?.url}`, 'PUT /v1/config?wait=all&timeoutMs=10000')
  assert.deepEqual(JSON.parse(request?.body.toString() ?? ''), parse(config))
})

test('apply --wait=SECONDS waits that long, names the laggards and fails', async (t) => {
  const { admin, environment } = await startAdmin(t, answer(202, receipt({ acknowledged: 1, expected: 3, missing: ['edge-b', 'edge-c'] }), json))
  const run = await runCommand(['apply', '--wait=2.5'], { directory: configFolder(t), environment })
  assert.deepEqual(run, { code: 1, stdout: 'revision 42: 1/3 edges effective; missing: edge-b, edge-c\n', stderr: '' })
  assert.ok(admin.requests[0]?.url.endsWith('timeoutMs=2500'))
})

test('an edge that refuses a revision is named with its reason', async (t) => {
  const refused = [{ edge: 'edge-b', code: 'config.invalid', pointer: '/listeners/http', detail: '127.0.0.1:80 may not be opened by this user' }]
  const { environment } = await startAdmin(t, answer(202, receipt({ acknowledged: 0, expected: 1, missing: ['edge-b'], refused }), json))
  const run = await runCommand(['apply', '--wait'], { directory: configFolder(t), environment })
  assert.equal(run.code, 1)
  assert.match(run.stdout, /missing: edge-b\nedge-b refused it: 127\.0\.0\.1:80 may not be opened by this user \(config\.invalid\)\n$/)
})

test('apply without --wait tells the revision and waits for nobody', async (t) => {
  const { admin, environment } = await startAdmin(t, answer(200, '{"revision":7}', json))
  const run = await runCommand(['apply'], { directory: configFolder(t), environment })
  assert.deepEqual(run, { code: 0, stdout: 'revision 7\n', stderr: '' })
  assert.equal(admin.requests[0]?.url, '/v1/config')
})

test('what the admin API finds wrong is shown at its line of the file', async (t) => {
  const problem = { detail: 'The configuration has problems', reason: 'config.invalid', problems: [{ pointer: '/routes/0/match/path', message: 'this path is taken' }] }
  const { environment } = await startAdmin(t, answer(400, JSON.stringify(problem), { 'content-type': 'application/problem+json' }))
  const directory = configFolder(t)
  const run = await runCommand(['apply', '-c', join(directory, 'gateway.yaml')], { environment })
  assert.equal(run.code, 1)
  assert.equal(run.stderr, `sluice: The configuration has problems (config.invalid)\n${directory}/gateway.yaml:4:20: this path is taken\n`)
})

test('a file that is no YAML is not sent', async (t) => {
  const { admin, environment } = await startAdmin(t, answer(200, '{}', json))
  const run = await runCommand(['apply'], { directory: configFolder(t, 'version: [1\n'), environment })
  assert.equal(run.code, 1)
  assert.match(run.stderr, /gateway\.yaml:\d+:\d+: /)
  assert.equal(admin.requests.length, 0)
})

test('diff shows what would change and exits with 2', async (t) => {
  const differences = [
    { resource: 'routes/new', change: 'added' },
    { resource: 'routes/old', change: 'removed' },
    { resource: 'routes/hello', change: 'changed', settings: [{ pointer: '/match/path', before: '/hi', after: '/hello' }, { pointer: '/owner', after: 'web' }, { pointer: '/labels', before: {} }] },
  ]
  const { admin, environment } = await startAdmin(t, answer(200, JSON.stringify({ differences }), json))
  const run = await runCommand(['diff'], { directory: configFolder(t), environment })
  assert.equal(run.code, 2)
  assert.equal(run.stdout, '+ routes/new\n- routes/old\n~ routes/hello\n    ~ /match/path: "/hi" → "/hello"\n    + /owner: "web"\n    - /labels: {}\n')
  assert.equal(admin.requests[0]?.url, '/v1/config?dryRun=true')
})

test('diff without differences exits with 0', async (t) => {
  const { environment } = await startAdmin(t, answer(200, '{"differences":[]}', json))
  assert.deepEqual(await runCommand(['diff'], { directory: configFolder(t), environment }), { code: 0, stdout: 'no differences\n', stderr: '' })
})

test('export prints YAML that holds what the gateway has', async (t) => {
  const { environment } = await startAdmin(t, answer(200, JSON.stringify(parse(config)), json))
  const run = await runCommand(['export'], { environment })
  assert.deepEqual(parse(run.stdout), parse(config))
  assert.deepEqual(JSON.parse((await runCommand(['export', '--json'], { environment })).stdout), parse(config))
})

test('rollback makes a new revision and can wait for the edges', async (t) => {
  const { admin, environment } = await startAdmin(t, answer(200, receipt({ acknowledged: 1, expected: 1, missing: [] }, 4.4), json))
  const run = await runCommand(['rollback', '41', '--wait'], { environment })
  assert.deepEqual(run, { code: 0, stdout: 'revision 42: 1/1 edges effective in 4 ms\n', stderr: '' })
  assert.equal(`${admin.requests[0]?.method} ${admin.requests[0]?.url}`, 'POST /v1/revisions/41/rollback?wait=all&timeoutMs=10000')
})

test('rollback wants a number', async () => {
  const run = await runCommand(['rollback', 'yesterday'])
  assert.equal(run.code, 1)
  assert.match(run.stderr, /expected a whole number/)
})

test('check accepts a good file and says so', async (t) => {
  const directory = configFolder(t)
  const run = await runCommand(['check'], { directory })
  assert.deepEqual(run, { code: 0, stdout: `${directory}/gateway.yaml is valid\n`, stderr: '' })
})

test('check tells all problems at once, each with file, line, column and the nearest name', async (t) => {
  const directory = configFolder(t, config.replace('match:', 'mach:').replace('fixed-response', 'fixed-respons'))
  const run = await runCommand(['check'], { directory })
  assert.equal(run.code, 1)
  assert.equal(run.stdout, '')
  const lines = run.stderr.trimEnd().split('\n')
  assert.ok(lines.some((line) => line.startsWith(`${directory}/gateway.yaml:4:5: unknown setting "mach"`) && line.endsWith('did you mean "match"?')), run.stderr)
  assert.ok(lines.some((line) => line.startsWith(`${directory}/gateway.yaml:5:19: `) && line.includes('did you mean "fixed-response"?')), run.stderr)
  assert.match(lines.at(-1) ?? '', /has \d+ problems$/)
})

test('check of a file that is not there names it', async (t) => {
  const run = await runCommand(['check', '-c', 'nowhere.yaml', '--json'], { directory: scratch(t) })
  assert.equal(run.code, 1)
  const { valid, problems } = JSON.parse(run.stdout) as { valid: boolean; problems: string[] }
  assert.equal(valid, false)
  assert.match(problems[0] ?? '', /nowhere\.yaml:1:1: there is no such file/)
})

test('a warning of the check is printed and is no failure', async (t) => {
  const twice = `${config}  - name: shadowed\n    match: { path: /hello }\n    policies: [ { fixed-response: { status: 200, body: other } } ]\n`
  const run = await runCommand(['check'], { directory: configFolder(t, twice) })
  assert.equal(run.code, 0)
  assert.match(run.stderr, /^warning: .*gateway\.yaml:\d+:\d+: .*shadowed/)
  assert.match(run.stdout, /is valid, with 1 warning\n$/)
})

const guarded = `version: 1
upstreams: { users: { endpoints: [ { url: "http://127.0.0.1:9" } ] } }
routes:
  - name: get-user
    match: { path: "/users/{id}" }
    upstream: users
    policies: [ { key-auth: {} }, { rate-limit: { limit: 1 } } ]
  - name: hello
    match: { path: /hello }
    policies: [ { fixed-response: { status: 200, body: hi, headers: { X-From: here } } } ]
selfTests:
  - { name: needs-a-key, request: { url: "https://api.example/users/7" }, expect: { route: get-user, status: 401, reason: policy.unauthenticated } }
  - { name: hello-is-answered, request: { url: "https://api.example/hello" }, expect: { route: hello, status: 200, headers: { X-From: here } } }
  - { name: with-a-key, request: { url: "https://api.example/users/7", headers: { X-API-Key: sk_a_b } }, expect: { route: get-user, upstream: users } }
`

test('check answers the self-tests of a file by itself, and says which need a gateway', async (t) => {
  const directory = configFolder(t, guarded)
  const run = await runCommand(['check'], { directory })
  assert.deepEqual(run, { code: 0, stdout: `${directory}/gateway.yaml is valid, with 2 self-tests answered as expected\n`, stderr: 'self-tests that only a gateway, which knows credentials, can try to their end: with-a-key\n' })
  const { selfTests } = JSON.parse((await runCommand(['check', '--json'], { directory })).stdout) as { selfTests: object }
  assert.deepEqual(selfTests, { passed: 2, unfinished: ['with-a-key'] })
})

test('check tells every self-test that is not answered as expected, with its place, what was expected and what came', async (t) => {
  const wrong = guarded.replace('{ route: get-user, upstream: users } }\n', '{ route: hello } }\n').replace('status: 401, reason: policy.unauthenticated', 'upstream: users').replace('status: 200, headers: { X-From: here } } }\n  - { name: with', 'status: 404 } }\n  - { name: with')
  const directory = configFolder(t, wrong)
  const run = await runCommand(['check'], { directory })
  assert.deepEqual([run.code, run.stdout], [1, ''])
  assert.deepEqual(run.stderr.trimEnd().split('\n'), [
    `${directory}/gateway.yaml:12:5: self-test "needs-a-key" (GET https://api.example/users/7): expected upstream "users", got route "get-user": it is answered 401 policy.unauthenticated`,
    `${directory}/gateway.yaml:13:5: self-test "hello-is-answered" (GET https://api.example/hello): expected status 404, got route "hello": it is answered 200`,
    `${directory}/gateway.yaml:14:5: self-test "with-a-key" (GET https://api.example/users/7): expected route "hello", got route "get-user"`,
    `${directory}/gateway.yaml has 3 problems`,
  ])
})
