import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readSettings } from '@sluice/service-kit'
import { chooseAddresses } from './addresses.ts'
import { allInOneSettings } from './settings.ts'

function choose(input: unknown, environment: NodeJS.ProcessEnv = {}, baseDirectory = tmpdir()) {
  return chooseAddresses({ input, baseDirectory, environment }, readSettings(allInOneSettings, environment))
}

test('without a file the admin API and the metrics listen on the documented loopback ports', () => {
  assert.deepEqual(choose(undefined), {
    admin: { address: '127.0.0.1:8001', setting: 'admin.address' },
    metrics: { address: '127.0.0.1:9100', setting: 'telemetry.metrics.address' },
  })
})

test('the file says where to listen, and the environment has the last word', () => {
  const input = { admin: { address: '127.0.0.1:1' }, telemetry: { metrics: { address: '127.0.0.1:2' } } }
  assert.equal(choose(input).admin.address, '127.0.0.1:1')
  const { admin, metrics } = choose(input, { SLUICE_METRICS_ADDRESS: ':3' })
  assert.deepEqual({ admin: admin.address, metrics }, { admin: '127.0.0.1:1', metrics: { address: ':3', setting: 'SLUICE_METRICS_ADDRESS' } })
})

test('an address of the file may stand in a variable or in a file', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-addresses-'))
  t.after(() => rmSync(directory, { recursive: true }))
  writeFileSync(join(directory, 'metrics-address'), '127.0.0.1:5\n')
  const input = { admin: { address: 'env:ADMIN' }, telemetry: { metrics: { address: 'file:metrics-address' } } }
  const { admin, metrics } = choose(input, { ADMIN: '127.0.0.1:4' }, directory)
  assert.deepEqual([admin.address, metrics.address], ['127.0.0.1:4', '127.0.0.1:5'])
})

test('an address of the environment that is none is named with its variable', () => {
  assert.throws(() => choose(undefined, { SLUICE_ADMIN_ADDRESS: 'localhost' }), /^Error: SLUICE_ADMIN_ADDRESS: "localhost" is no address/)
})

test('a plain admin API beyond this machine needs permission', () => {
  assert.throws(() => choose({ admin: { address: ':8001' } }), /admin\.address: :8001 would be used without encryption/)
  assert.equal(choose({ admin: { address: ':8001' } }, { SLUICE_ALLOW_PLAINTEXT: '1' }).admin.address, ':8001')
})

test('what is wrong in the file is left to the check of the file', () => {
  for (const input of [null, 'text', { admin: 7 }, { admin: { address: 8001 } }, { admin: { address: 'nonsense' } }]) {
    assert.equal(choose(input).admin.address, '127.0.0.1:8001')
  }
})
