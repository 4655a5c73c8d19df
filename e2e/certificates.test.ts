// AD1: certificates by the admin API and the command line, and renewed ones reach the edges of the distributed mode by themselves.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fetchOnce, freePorts, makeCertificate, startNats, startRedis, waitUntil, type MadeCertificate } from '@sluice/testkit'
import { serialOf, serialShown } from './actors/tls-handshake.ts'
import { runSluice, SluiceProcess } from './modes/sluice-process.ts'

test('certificates are put, renewed and deleted from outside, and each edge shows them; their keys lie nowhere in clear', { timeout: 180_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-e2e-certificates-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const [nats, redis] = await Promise.all([startNats({ jetStream: false }), startRedis()])
  t.after(async () => void (await Promise.all([nats.stop(), redis.stop()])))
  const [adminPort = 0, controlMetrics = 0, edgeMetrics = 0, http = 0, https = 0] = await freePorts(5)
  const adminToken = randomBytes(24).toString('base64url')
  const service = (name: string, metricsPort: number, own: Record<string, string>) => {
    const data = join(directory, name)
    mkdirSync(data)
    const env = { SLUICE_DATA_DIR: data, SLUICE_METRICS_ADDRESS: `127.0.0.1:${metricsPort}`, SLUICE_NATS_URL: nats.url, SLUICE_REDIS_URL: redis.url, ...own }
    return new SluiceProcess(t, { name, args: ['service', name], env, directory: data, metricsUrl: `http://127.0.0.1:${metricsPort}` })
  }
  const control = service('control', controlMetrics, { SLUICE_ADMIN_ADDRESS: `127.0.0.1:${adminPort}`, SLUICE_ADMIN_TOKEN: adminToken })
  const edge = service('edge', edgeMetrics, { SLUICE_EDGE_NAME: 'edge-1', SLUICE_WORKERS: '2' })
  await control.start()
  const sluice = async (...args: string[]) => {
    const done = await runSluice(t, args, { cwd: directory, env: { SLUICE_ADMIN_URL: `http://127.0.0.1:${adminPort}`, SLUICE_ADMIN_TOKEN: adminToken } })
    assert.equal(done.code, 0, done.stderr)
    return done.stdout
  }
  const file = (name: string, text: string) => {
    writeFileSync(join(directory, name), text)
    return join(directory, name)
  }
  const write = (made: MadeCertificate) => ['--cert', file('cert.pem', made.cert), '--key', file('key.pem', made.key)]

  const first = makeCertificate({ names: ['shop.example.com'] })
  await sluice('certificates', 'put', 'shop', ...write(first))
  const config = { version: 1, listeners: { http: { address: `127.0.0.1:${http}` }, https: { address: `127.0.0.1:${https}` } }, routes: [{ name: 'all', match: { pathPrefix: '/' }, policies: [{ 'fixed-response': { body: 'fine' } }] }] }
  await sluice('apply', '-c', file('gateway.json', JSON.stringify(config)))
  await edge.start()
  assert.equal(await serialShown(https, 'shop.example.com'), serialOf(first))
  assert.equal((await fetchOnce(`https://127.0.0.1:${https}/`, { tls: { ca: first.cert, servername: 'shop.example.com' } })).status, 200)

  const second = makeCertificate({ names: ['shop.example.com'] })
  assert.match(await sluice('certificates', 'put', 'shop', ...write(second), '--wait'), /1\/1 edges effective/)
  assert.equal(await serialShown(https, 'shop.example.com'), serialOf(second))
  assert.match(await sluice('certificates', 'list'), /shop +shop\.example\.com +\S+ +sealed/)

  // Beside it one whose files another program renews, on control's machine.
  const third = makeCertificate({ names: ['mail.example.com'] })
  const renew = (made: MadeCertificate) => [['mail.pem', made.cert], ['mail-key.pem', made.key]].map(([name, text]) => writeFileSync(join(directory, 'control', name!), text!))
  renew(third)
  const put = await fetchOnce(`http://127.0.0.1:${adminPort}/v1/certificates/mail?wait=all`, { method: 'PUT', headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' }, body: JSON.stringify({ certificate: 'file:mail.pem', key: 'file:mail-key.pem' }) })
  assert.equal(put.status, 201, put.body)
  assert.equal(await serialShown(https, 'mail.example.com'), serialOf(third))
  const fourth = makeCertificate({ names: ['mail.example.com'] })
  renew(fourth)
  await waitUntil(async () => (await serialShown(https, 'mail.example.com')) === serialOf(fourth), { timeoutMs: 30_000, everyMs: 100, what: 'the renewed certificate' })
  assert.equal(await serialShown(https, 'shop.example.com'), serialOf(second))

  await sluice('certificates', 'delete', 'mail', '--wait')
  assert.equal(await serialShown(https, 'mail.example.com'), serialOf(second), 'the first one serves any other name')
  await edge.restart()
  assert.equal(await serialShown(https, 'shop.example.com'), serialOf(second), 'from the disk')

  await Promise.all([control.stop(), edge.stop()])
  const kept = ['control', 'edge'].flatMap((name) => readdirSync(join(directory, name), { recursive: true }).map((one) => join(directory, name, String(one))))
  const texts = kept.filter((path) => statSync(path).isFile() && !path.endsWith('mail-key.pem')).map((path) => readFileSync(path, 'latin1'))
  assert.ok(texts.some((text) => text.includes('shop.example.com') || text.includes('certificates/shop')))
  for (const made of [first, second, third, fourth]) for (const text of [...texts, control.output(), edge.output()]) assert.ok(!text.includes(made.key.split('\n')[2]!))
})
