// Row TL1: certificates are renewed by other programs, under a config file that nobody touches.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fetchOnce, freePorts, makeCertificate, waitUntil } from '@sluice/testkit'
import { serialOf, serialShown } from './actors/tls-handshake.ts'
import { SluiceProcess } from './modes/sluice-process.ts'

test('a renewed certificate is noticed by itself; half of it, or nonsense, changes nothing, and connections stay', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-renewal-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const [http = 0, https = 0, admin = 0, metrics = 0] = await freePorts(4)
  const [first, second] = [makeCertificate({ names: ['127.0.0.1'] }), makeCertificate({ names: ['127.0.0.1'] })]
  const write = (name: string, text: string): void => writeFileSync(join(directory, name), text)
  write('cert.pem', first.cert)
  write('key.pem', first.key)
  const config = {
    version: 1,
    listeners: { http: { address: `127.0.0.1:${http}` }, https: { address: `127.0.0.1:${https}`, certificates: [{ certFile: 'cert.pem', keyFile: 'key.pem' }] } },
    admin: { address: `127.0.0.1:${admin}` },
    telemetry: { metrics: { address: `127.0.0.1:${metrics}` } },
    routes: [{ name: 'all', match: { pathPrefix: '/' }, policies: [{ 'fixed-response': { status: 200, body: 'fine' } }] }],
  }
  write('gateway.json', JSON.stringify(config))
  const args = ['run', '-c', join(directory, 'gateway.json'), '--workers', '1', '--data-dir', join(directory, 'data')]
  const gateway = new SluiceProcess(t, { name: 'gateway', args, env: {}, directory, metricsUrl: `http://127.0.0.1:${metrics}` })
  await gateway.start()
  assert.equal(await serialShown(https), serialOf(first))
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: first.cert })
  t.after(() => agent.destroy())
  const ask = () => fetchOnce(`https://127.0.0.1:${https}/`, { agent })
  assert.equal((await ask()).status, 200)

  write('cert.pem', second.cert)
  await waitUntil(() => gateway.output().includes('renewed values cannot be taken yet'), { timeoutMs: 30_000, what: 'a certificate without its key to be noticed' })
  assert.equal(await serialShown(https), serialOf(first))
  write('key.pem', second.key)
  await waitUntil(async () => (await serialShown(https)) === serialOf(second), { timeoutMs: 30_000, everyMs: 100, what: 'the renewed certificate' })
  const kept = await ask()
  assert.deepEqual([kept.status, kept.reusedConnection], [200, true])

  const told = () => gateway.output().split('renewed values cannot be taken yet').length
  const before = told()
  write('cert.pem', 'nonsense')
  await waitUntil(() => told() > before, { timeoutMs: 30_000, what: 'the nonsense to be noticed' })
  assert.equal(await serialShown(https), serialOf(second))
  await gateway.stop()
  assert.equal(gateway.output().includes(first.key) || gateway.output().includes(second.key), false)
})
