// SE7: values from stores of secrets are in force, rotated without a restart, kept while the store is away, and told to nobody. The stores are servers of
// this test that follow the documented protocols.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fetchOnce, freePorts, ScriptedUpstream, waitUntil, type Cleanup, type Reply } from '@sluice/testkit'
import { sum, readMetrics } from './actors/metrics.ts'
import { SluiceProcess } from './modes/sluice-process.ts'

/** Vault, AWS Secrets Manager and the API of Kubernetes, told apart by what they are asked. */
function answerAs(values: Record<'vault' | 'aws' | 'k8s' | 'file', string>) {
  return ({ record, response }: Reply): void => {
    const send = (body: object) => void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    if (record.url === '/v1/secret/data/shop' && record.headers['x-vault-token'] === 'the-vault-token') return send({ data: { data: { greeting: values.vault }, metadata: { version: 1 } } })
    if (record.url === '/v1/auth/token/lookup-self') return send({ data: { ttl: 3, renewable: true } })
    if (record.url === '/v1/auth/token/renew-self' && record.method === 'POST' && record.headers['x-vault-token'] === 'the-vault-token') return send({ auth: { lease_duration: 3600, renewable: true } })
    if (record.headers['x-amz-target'] === 'secretsmanager.GetSecretValue' && record.body.toString() === '{"SecretId":"shop"}') return send({ SecretString: JSON.stringify({ greeting: values.aws }) })
    if (record.url === '/api/v1/namespaces/web/secrets/shop' && record.headers.authorization === 'Bearer the-pod-token') return send({ data: { greeting: Buffer.from(values.k8s).toString('base64') } })
    response.writeHead(403).end()
  }
}

async function startStore(t: Cleanup, values: Parameters<typeof answerAs>[0], port = 0): Promise<ScriptedUpstream> {
  const store = new ScriptedUpstream({ script: answerAs(values), port })
  await store.start()
  t.after(() => store.kill())
  return store
}

test('values from stores of secrets are rotated without a restart, kept while the store is away, and told to nobody', { timeout: 180_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-e2e-secrets-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const [http = 0, admin = 0, metrics = 0] = await freePorts(3)
  const values = { vault: 'the first of Vault', aws: 'the first of AWS', k8s: 'the first of Kubernetes', file: 'the first of a file' }
  const store = await startStore(t, values)
  writeFileSync(join(directory, 'token'), 'the-pod-token')
  const rotateFile = () => writeFileSync(join(directory, 'greeting'), values.file)
  rotateFile()
  const references = { vault: 'vault:secret/shop#greeting', aws: 'aws-sm:shop#greeting', k8s: 'k8s:web/shop#greeting', file: 'file:greeting' }
  const route = (name: string, body: string) => ({ name, match: { path: `/${name}` }, policies: [{ 'fixed-response': { body } }] })
  const config = { version: 1, listeners: { http: { address: `127.0.0.1:${http}` } }, admin: { address: `127.0.0.1:${admin}` }, telemetry: { metrics: { address: `127.0.0.1:${metrics}` } }, routes: Object.entries(references).map(([name, reference]) => route(name, reference)) }
  const file = join(directory, 'gateway.json')
  writeFileSync(file, JSON.stringify(config))
  const stores = { VAULT_ADDR: store.url, VAULT_TOKEN: 'the-vault-token', AWS_ENDPOINT_URL: store.url, AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 'the-aws-key', SLUICE_KUBERNETES_URL: store.url, SLUICE_KUBERNETES_TOKEN_FILE: join(directory, 'token') }
  const adminToken = 'an-admin-token-of-this-test'
  const gateway = new SluiceProcess(t, { name: 'gateway', args: ['run', '-c', file, '--workers', '1', '--data-dir', join(directory, 'data')], env: { ...stores, SLUICE_ADMIN_TOKEN: adminToken, SLUICE_SECRET_REFRESH_SECONDS: '1' }, directory, metricsUrl: `http://127.0.0.1:${metrics}` })
  const served = async () => Object.fromEntries(await Promise.all(Object.keys(references).map(async (name) => [name, (await fetchOnce(`http://127.0.0.1:${http}/${name}`)).body])))
  const api = (method: string, path: string, body?: object) => fetchOnce(`http://127.0.0.1:${admin}/v1/${path}`, { method, headers: { authorization: `Bearer ${adminToken}`, ...(body && { 'content-type': 'application/json' }) }, ...(body && { body: JSON.stringify(body) }) })
  await gateway.start()
  assert.deepEqual(await served(), values)
  const known = [...Object.values(values)]

  Object.assign(values, { vault: 'the second of Vault', aws: 'the second of AWS', k8s: 'the second of Kubernetes', file: 'the second of a file' })
  known.push(...Object.values(values))
  rotateFile()
  const isServed = (expected: object) => waitUntil(async () => JSON.stringify(await served()) === JSON.stringify(expected), { timeoutMs: 40_000, everyMs: 100, what: 'the rotated values' })
  await isServed(values)
  await waitUntil(async () => sum(await readMetrics(gateway.metricsUrl), 'sluice_control_secret_token_seconds', { kind: 'vault' }) > 3000, { timeoutMs: 30_000, what: 'the token of Vault to be renewed' })

  const { port } = store
  await store.kill()
  await waitUntil(async () => sum(await readMetrics(gateway.metricsUrl), 'sluice_control_secret_store_up', { kind: 'vault' }) === 0, { timeoutMs: 30_000, what: 'the loss of Vault to be told' })
  assert.deepEqual(await served(), values)
  assert.equal((await api('PUT', 'routes/more?wait=all', { match: { path: '/more' }, policies: [{ 'fixed-response': { body: 'vault:secret/shop#greeting' } }] })).status, 201)
  assert.equal((await fetchOnce(`http://127.0.0.1:${http}/more`)).body, values.vault)
  const unknown = await api('PUT', 'routes/unknown', { match: { path: '/unknown' }, policies: [{ 'fixed-response': { body: 'vault:secret/never-read#greeting' } }] })
  assert.deepEqual([unknown.status, unknown.json<{ reason: string }>().reason], [400, 'config.reference_missing'])
  await gateway.restart()
  assert.deepEqual(await served(), values)
  writeFileSync(file, JSON.stringify({ ...config, routes: [...config.routes, route('saved', 'while Vault is away')] }))
  await waitUntil(async () => (await fetchOnce(`http://127.0.0.1:${http}/saved`)).body === 'while Vault is away', { timeoutMs: 20_000, what: 'the saved file' })
  assert.deepEqual(await served(), values)

  Object.assign(values, { vault: 'the third of Vault' })
  known.push(values.vault)
  await startStore(t, values, port)
  await isServed(values)
  const { revision } = (await api('GET', 'status')).json<{ head: { revision: number } }>().head
  const answers = await Promise.all(['config', 'routes', 'revisions', `revisions/${revision}`, `revisions/${revision}/diff?from=1`, 'audit?limit=1000', 'status', 'backup'].map((path) => api('GET', path)))
  for (const text of [...answers.map(({ body }) => body), gateway.output()]) for (const secret of [...known, 'the-vault-token', 'the-aws-key', 'the-pod-token']) assert.ok(!text.includes(secret), secret)
  await gateway.stop()
})
