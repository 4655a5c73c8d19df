import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createConfigSigner, createConfigVerifier } from '@sluice/buses/config-feed'
import { runCommand } from '../../test/run-command.ts'

function folder(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bus-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return join(directory, 'bus')
}

test('bus init writes what a server and each service need, for their owner alone', async (t) => {
  const out = folder(t)
  const { code, stdout } = await runCommand(['bus', 'init', '--out', out, '--host', 'bus.internal', '10.0.0.7', '--listen', '0.0.0.0:14222'])
  assert.equal(code, 0)
  assert.match(stdout, /SLUICE_NATS_URL=tls:\/\/bus\.internal:14222/)
  const read = (name: string) => readFileSync(join(out, name), 'utf8')
  const server = new X509Certificate(read('server.pem'))
  assert.equal(server.subjectAltName, 'DNS:bus.internal, IP Address:10.0.0.7')
  assert.ok(server.verify(new X509Certificate(read('ca.pem')).publicKey))
  for (const service of ['edge', 'auth', 'ratelimit', 'discovery', 'analytics', 'control', 'backend']) {
    assert.match(read(`${service}.creds`), /-----BEGIN USER NKEY SEED-----\nSU[A-Z2-7]+\n/)
    assert.equal(statSync(join(out, `${service}.creds`)).mode & 0o777, 0o600)
  }
  const facts = { scope: 'default', revision: 1, digest: 'a'.repeat(64), forcedRevision: 0 }
  const signature = createConfigSigner(read('config-signing-key.pem')).sign(facts)
  assert.equal(createConfigVerifier(read('config-verify-keys.pem')).verify(facts, signature), true)
  assert.match(read('nats-server.conf'), /min_version: "1\.3"/)
  assert.doesNotMatch(read('nats-server.conf'), /SU[A-Z2-7]{50}/, 'no seed in the settings of the server')
})

test('bus init never writes over keys that somebody uses', async (t) => {
  const out = folder(t)
  await runCommand(['bus', 'init', '--out', out])
  const before = readFileSync(join(out, 'edge.creds'), 'utf8')
  const again = await runCommand(['bus', 'init', '--out', out])
  assert.equal(again.code, 1)
  assert.match(again.stderr, /holds nats-server\.conf, .* already: new ones would lock out whoever uses them/)
  assert.equal(readFileSync(join(out, 'edge.creds'), 'utf8'), before)
})
