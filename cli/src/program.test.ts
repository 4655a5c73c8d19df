import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { runCommand } from '../test/run-command.ts'

test('--version prints the version of the package and nothing else', async () => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  assert.deepEqual(await runCommand(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' })
})

test('--help lists every command and is no failure', async () => {
  const run = await runCommand(['--help'])
  assert.equal(run.code, 0)
  for (const name of ['run', 'service', 'check', 'diff', 'apply', 'export', 'status', 'revisions', 'rollback', 'keys', 'token', 'bus']) {
    assert.match(run.stdout, new RegExp(`^  ${name}\\b`, 'm'))
  }
})

test('a misspelt command fails and names the nearest one', async () => {
  const run = await runCommand(['aply'])
  assert.equal(run.code, 1)
  assert.match(run.stderr, /unknown command 'aply'\n\(Did you mean apply\?\)/)
})

for (const [line, name] of [
  ['routes', 'routes'], ['explain GET /x', 'explain'], ['replay --from x', 'replay'], ['logs -f', 'logs'], ['top', 'top'],
  ['import kong x.yaml', 'import'], ['doctor', 'doctor'],
] as const) {
  test(`sluice ${line} says that it is not built yet`, async () => {
    assert.deepEqual(await runCommand(line.split(' ')), { code: 1, stdout: '', stderr: `sluice: "sluice ${name}" is not built yet\n` })
  })
}

test('with --json a failure is one JSON object on stderr', async () => {
  const run = await runCommand(['doctor', '--json'])
  assert.equal(run.code, 1)
  assert.deepEqual(JSON.parse(run.stderr), { error: { message: '"sluice doctor" is not built yet', reason: null, problems: [] } })
})

test('a backup and a restore want to know where', async () => {
  assert.match((await runCommand(['backup'])).stderr, /name the folder of the backups: --to FOLDER/)
  assert.match((await runCommand(['restore'])).stderr, /name the folder of the backups: --from FOLDER/)
  assert.match((await runCommand(['restore', '--from', 'x', '--at', 'yesterday'])).stderr, /--at yesterday: expected an instant such as 2026-01-31T12:00:00Z/)
})

test('sluice service knows the six services and no other', async () => {
  const run = await runCommand(['service', 'console'])
  assert.equal(run.code, 1)
  assert.match(run.stderr, /Allowed choices are edge, auth, ratelimit, discovery, analytics, control/)
})
