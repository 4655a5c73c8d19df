import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createSealing } from '@sluice/service-kit'
import { answer, type ScriptedUpstream, startUpstream } from '@sluice/testkit'
import { SecretSources } from './secret-sources.ts'

interface Store {
  readonly server: ScriptedUpstream
  readonly read: (reference: string) => ReturnType<SecretSources['read']>
  readonly states: (string | undefined)[]
  now: number
}

/** A server that answers with `says`, and sources that lead to it. */
async function storeOf(t: TestContext, settings: (url: string, directory: string) => Record<string, string>, says: object): Promise<Store> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-secrets-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const server = await startUpstream(t, answer(200, JSON.stringify(says)))
  const states: (string | undefined)[] = []
  const store = { server, states, now: 0 } as Store
  const sources = new SecretSources({ environment: settings(server.url, directory), sealing: undefined, now: () => store.now, onState: (_, fault) => void states.push(fault) })
  return Object.assign(store, { read: (reference: string) => sources.read(reference, { directories: [] }) })
}

const vaultSettings = (url: string) => ({ VAULT_ADDR: url, VAULT_TOKEN: 'the-token', VAULT_NAMESPACE: 'team' })
const vaultSays = (data: object) => ({ data: { data, metadata: { version: 3 } } })

test('Vault is asked for the newest version of a secret, once for all of its fields', async (t) => {
  const { server, read } = await storeOf(t, vaultSettings, vaultSays({ user: 'u', password: 'p', port: 1 }))
  assert.deepEqual(await Promise.all(['user', 'password'].map((field) => read(`vault:secret/shop/db#${field}`))), [{ value: 'u' }, { value: 'p' }])
  assert.deepEqual(await read('vault:secret/shop/db#port'), { fault: 'the field "port" of "secret/shop/db" of Vault is no text' })
  assert.deepEqual(await read('vault:secret/shop/db#nothing'), { fault: '"secret/shop/db" of Vault has no field "nothing"' })
  assert.deepEqual(await read('vault:secret/shop/db'), { fault: '"secret/shop/db" of Vault has several fields; expected one behind "#"' })
  const [asked, ...more] = server.requests
  assert.deepEqual([asked!.url, asked!.headers['x-vault-token'], asked!.headers['x-vault-namespace'], more.length], ['/v1/secret/data/shop/db', 'the-token', 'team', 0])
})

test('a token in a file is read at each question, and never in a sentence', async (t) => {
  const { server, read } = await storeOf(t, (url, directory) => {
    writeFileSync(join(directory, 'token'), 'from-an-agent\n')
    return { VAULT_ADDR: url, VAULT_TOKEN_FILE: join(directory, 'token') }
  }, vaultSays({ a: '1' }))
  assert.deepEqual(await read('vault:secret/a#a'), { value: '1' })
  server.does(answer(403, '{"errors":["permission denied"]}'))
  const refused = await read('vault:secret/b#a')
  assert.deepEqual(refused, { fault: 'Vault cannot be asked for "secret/b" (it answered 403)', isAway: true })
  assert.deepEqual(server.requests.map(({ headers }) => headers['x-vault-token']), ['from-an-agent', 'from-an-agent'])
})

test('a store that is away is asked again after a while only, and both are told', async (t) => {
  const store = await storeOf(t, vaultSettings, vaultSays({ a: '1' }))
  store.server.does(answer(500, 'sealed'))
  assert.deepEqual(await store.read('vault:secret/a#a'), { fault: 'Vault cannot be asked for "secret/a" (it answered 500)', isAway: true })
  store.server.does(answer(200, JSON.stringify(vaultSays({ a: '1' }))))
  store.now = 4999
  assert.ok('isAway' in (await store.read('vault:secret/other#a')))
  assert.equal(store.server.requests.length, 1)
  store.now = 5000
  assert.deepEqual(await store.read('vault:secret/a#a'), { value: '1' })
  assert.deepEqual(store.states.map((fault) => fault !== undefined), [true, false])
})

test('a secret that the store does not have is a fault of the reference, not of the store', async (t) => {
  const { server, read, states } = await storeOf(t, vaultSettings, {})
  server.does(answer(404, '{"errors":[]}'))
  assert.deepEqual(await read('vault:secret/nobody#a'), { fault: 'Vault has no secret "secret/nobody"' })
  assert.deepEqual(states, [])
})

const awsSettings = (url: string) => ({ AWS_ENDPOINT_URL: url, AWS_REGION: 'eu-west-1', AWS_ACCESS_KEY_ID: 'AKID', AWS_SECRET_ACCESS_KEY: 'hidden', AWS_SESSION_TOKEN: 'session' })

test('AWS Secrets Manager is asked by name or ARN, signed for its region; JSON has fields', async (t) => {
  const { server, read } = await storeOf(t, awsSettings, { SecretString: '{"user":"u","password":"p"}' })
  assert.deepEqual(await read('aws-sm:shop/db#password'), { value: 'p' })
  assert.deepEqual(await read('aws-sm:arn:aws:secretsmanager:us-east-2:1:secret:shop#user'), { value: 'u' })
  assert.deepEqual(await read('aws-sm:shop/db'), { value: '{"user":"u","password":"p"}' })
  const [byName, byArn] = server.requests
  assert.deepEqual([byName!.headers['x-amz-target'], byName!.body.toString(), byName!.headers['x-amz-security-token']], ['secretsmanager.GetSecretValue', '{"SecretId":"shop/db"}', 'session'])
  assert.match(byName!.headers.authorization!, /Credential=AKID\/\d{8}\/eu-west-1\/secretsmanager\/aws4_request/)
  assert.match(byArn!.headers.authorization!, /\/us-east-2\/secretsmanager\//)
  server.does(answer(400, '{"__type":"ResourceNotFoundException"}'))
  assert.deepEqual(await read('aws-sm:nobody'), { fault: 'AWS Secrets Manager has no secret "nobody"' })
  server.does(answer(400, '{"__type":"com.amazon.coral#AccessDeniedException"}'))
  assert.deepEqual(await read('aws-sm:forbidden'), { fault: 'AWS Secrets Manager cannot be asked for "forbidden" (it answered 400 AccessDeniedException)', isAway: true })
})

test('in a container AWS credentials come from the endpoint that is named', async (t) => {
  const given = await startUpstream(t, answer(200, JSON.stringify({ AccessKeyId: 'TEMP', SecretAccessKey: 's', Token: 'temporary' })))
  const { server, read } = await storeOf(t, (url) => ({ AWS_ENDPOINT_URL_SECRETS_MANAGER: url, AWS_REGION: 'eu-west-1', AWS_CONTAINER_CREDENTIALS_FULL_URI: `${given.url}/v2`, AWS_CONTAINER_AUTHORIZATION_TOKEN: 'pod' }), { SecretString: 'text' })
  assert.deepEqual(await read('aws-sm:a'), { value: 'text' })
  assert.equal(given.requests[0]!.headers.authorization, 'pod')
  assert.deepEqual([server.requests[0]!.headers['x-amz-security-token'], /Credential=TEMP\//.test(server.requests[0]!.headers.authorization!)], ['temporary', true])
})

test('a Secret of Kubernetes is read with the token of a service account', async (t) => {
  const { server, read } = await storeOf(t, (url, directory) => {
    writeFileSync(join(directory, 'token'), 'pod-token\n')
    return { SLUICE_KUBERNETES_URL: url, SLUICE_KUBERNETES_TOKEN_FILE: join(directory, 'token') }
  }, { data: { 'tls.key': Buffer.from('the key').toString('base64') } })
  assert.deepEqual(await read('k8s:shop/tls#tls.key'), { value: 'the key' })
  assert.deepEqual([server.requests[0]!.url, server.requests[0]!.headers.authorization], ['/api/v1/namespaces/shop/secrets/tls', 'Bearer pod-token'])
})

test('secrets do not leave this machine in clear unless that is allowed', async () => {
  const at = (environment: Record<string, string>) => new SecretSources({ environment: { VAULT_ADDR: 'http://vault.example:8200', VAULT_TOKEN: 't', ...environment }, sealing: undefined }).read('vault:secret/a#a', { directories: [] })
  const refused = await at({})
  assert.match('fault' in refused ? refused.fault : '', /VAULT_ADDR: http:\/\/vault\.example:8200 would be used without encryption/)
})

test('what is sealed is read with the key, elsewhere passed over, and a fault without one', async () => {
  const sealing = createSealing([randomBytes(32)])
  const reference = `sealed:${sealing.seal('a key')}`
  const read = (given: ConstructorParameters<typeof SecretSources>[0]['sealing']) => new SecretSources({ environment: {}, sealing: given }).read(reference, { directories: [] })
  assert.deepEqual(await read(sealing), { value: 'a key' })
  assert.deepEqual(await read('elsewhere'), { isElsewhere: true })
  assert.deepEqual(await read(undefined), { fault: 'a sealed value cannot be read without SLUICE_SEALING_KEY' })
  assert.deepEqual(await read(createSealing([randomBytes(32)])), { fault: 'the sealed value cannot be read: it was sealed with a key that is not known here' })
})
