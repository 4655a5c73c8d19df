import assert from 'node:assert/strict'
import { after, before, suite, test, type TestContext } from 'node:test'
import { signPost } from '@sluice/http'
import { answer, startCloudMap, startUpstream, waitUntil, type CloudMap } from '@sluice/testkit'
import { discoverySourceContract, follow, RecordedStatus, waitForEndpoints } from '../discovery-source.contract.ts'
import { RegistryClient } from '../registry-client.ts'
import { createSource } from './cloud-map.ts'
import { credentialsOf } from './credentials.ts'
import { schema } from './schema.ts'

let map: CloudMap
const endings: (() => void | Promise<void>)[] = []
before(async () => void (map = await startCloudMap({ after: (end) => void endings.push(end) })))
after(async () => void (await Promise.all(endings.map((end) => end()))))

let services = 0
/** Of this test alone. */
const newService = () => `users-${++services}`
const addressOf = (id: string) => ({ AWS_INSTANCE_IPV4: '10.0.0.1', AWS_INSTANCE_PORT: String(9000 + id.charCodeAt(0)) })

async function fill(service: string, ids: readonly string[], earlier: readonly string[] = []): Promise<void> {
  for (const id of ids) await map.register(service, id, addressOf(id))
  for (const id of earlier) if (!ids.includes(id)) await map.deregister(service, id)
}

function sourceOf(service: string, settings: object = {}) {
  const status = new RecordedStatus()
  return { status, source: createSource(schema.settings.parse({ ...map.discovery, service, pollSeconds: 0.1, ...settings }), { status }) }
}

async function started(t: TestContext, settings: object = {}) {
  const service = newService()
  await fill(service, ['a'])
  const { source, status } = sourceOf(service, settings)
  return { service, status, open: () => follow(source, t) }
}

discoverySourceContract('cloud-map', async (ids) => {
  const service = newService()
  // It is there, without instances at first.
  await fill(service, ['z'])
  await fill(service, ids, ['z'])
  let now = ids
  return { source: sourceOf(service).source, change: async (list) => (await fill(service, list, now), void (now = list)) }
})

suite('discovery source cloud-map', () => {
  test('facts of an instance are its attributes, those of ECS too', async (t) => {
    const { service, open } = await started(t, { port: 8080 })
    await map.register(service, 'b', { AWS_INSTANCE_IPV4: '10.0.0.2', weight: '5', zone: 'z1', version: '2', tags: 'v2, eu' })
    await map.register(service, 'c', { AWS_INSTANCE_IPV4: '10.0.0.3', AWS_INSTANCE_PORT: '81', AVAILABILITY_ZONE: 'eu-central-1a', REGION: 'eu-central-1', weight: 'much' })
    const told = open()
    await waitForEndpoints(told, ['a', 'b', 'c'])
    assert.partialDeepStrictEqual(told.at(-1), [
      { weight: 1, zone: '', datacenter: 'eu-central-1', down: '' },
      { url: 'http://10.0.0.2:8080', weight: 5, zone: 'z1', version: '2', tags: ['v2', 'eu'] },
      { url: 'http://10.0.0.3:81', weight: 1, zone: 'eu-central-1a' },
    ])
  })

  test('tags, version and datacenter choose', async (t) => {
    const { service, open } = await started(t, { tags: ['v2'], version: '2', datacenter: 'd1' })
    const fitting = { ...addressOf('b'), tags: 'v2,eu', version: '2', datacenter: 'd1' }
    for (const [id, other] of Object.entries({ b: {}, c: { tags: 'eu' }, d: { version: '1' }, e: { datacenter: 'd2' } })) await map.register(service, id, { ...fitting, ...other })
    await waitForEndpoints(open(), ['b'])
  })

  test('an instance without a port is passed over, and said to be', async (t) => {
    const { service, status, open } = await started(t)
    await map.register(service, 'b', { AWS_INSTANCE_IPV4: '10.0.0.2' })
    await waitForEndpoints(open(), ['a'])
    await waitUntil(() => status.skips.length > 0)
    assert.match(status.skips[0]!, /the instance "b" of "users-\d+"/)
  })

  test('what it told last stands while it is away', async (t) => {
    const { status, open } = await started(t)
    const told = open()
    await waitForEndpoints(told, ['a'])
    await map.kill()
    await waitUntil(() => status.failures.length > 1, { timeoutMs: 15_000 })
    assert.equal(told.length, 1)
    await map.restart()
  })

  test('an instance that Cloud Map finds unhealthy is down; what is asked is signed as AWS wants it', async (t) => {
    const upstream = await startUpstream(t, answer(200, JSON.stringify({ Instances: [{ InstanceId: 'a', HealthStatus: 'UNHEALTHY', Attributes: addressOf('a') }], InstancesRevision: 1 })))
    const settings = schema.settings.parse({ region: 'eu-central-1', namespace: 'shop', service: 'users', url: upstream.url, accessKeyId: 'AKID', secretAccessKey: 'hidden', sessionToken: 'session' })
    const told = follow(createSource(settings, { status: new RecordedStatus() }), t)
    await waitForEndpoints(told, ['a'])
    assert.equal(told[0]![0]!.down, 'it is unhealthy in Cloud Map')
    const { headers, body } = upstream.requests[0]!
    assert.match(headers['authorization']!, /^AWS4-HMAC-SHA256 Credential=AKID\/\d{8}\/eu-central-1\/servicediscovery\/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, Signature=[0-9a-f]{64}$/)
    assert.deepEqual([headers['x-amz-target'], headers['x-amz-security-token'], headers['content-type']], ['Route53AutoNaming_v20170314.DiscoverInstances', 'session', 'application/x-amz-json-1.1'])
    assert.deepEqual(JSON.parse(body.toString()), { NamespaceName: 'shop', ServiceName: 'users', HealthStatus: 'ALL', MaxResults: 1000 })
  })

  test('the signature is the one of the published test suite', () => {
    const url = new URL('https://example.amazonaws.com/')
    const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' }
    const { authorization } = signPost({ url, headers: {}, body: '', region: 'us-east-1', service: 'service' }, credentials, new Date('2015-08-30T12:36:00Z'))
    assert.equal(authorization, 'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b')
  })

  test('credentials are those of the settings, else of the environment, else of the container, asked again before they end', async (t) => {
    const given = (id: string, expiration: string) => answer(200, JSON.stringify({ AccessKeyId: id, SecretAccessKey: 's', Token: 't', Expiration: expiration }))
    const container = await startUpstream(t, given('first', new Date(Date.now() + 60_000).toISOString()))
    const client = new RegistryClient()
    t.after(() => client.close())
    const settings = schema.settings.parse({ region: 'eu-central-1', namespace: 'shop', service: 'users' })
    const { signal } = new AbortController()
    const chain = (environment: NodeJS.ProcessEnv, own: object = {}) => credentialsOf({ ...settings, ...own }, client, environment)
    const inContainer = { AWS_CONTAINER_CREDENTIALS_FULL_URI: `${container.url}/role`, AWS_CONTAINER_AUTHORIZATION_TOKEN: 'Basic x' }
    const inBoth = { ...inContainer, AWS_ACCESS_KEY_ID: 'environment', AWS_SECRET_ACCESS_KEY: 's' }
    assert.equal((await chain(inBoth, { accessKeyId: 'settings', secretAccessKey: 's' })(signal)).accessKeyId, 'settings')
    assert.equal((await chain(inBoth)(signal)).accessKeyId, 'environment')
    const asked = chain(inContainer)
    assert.deepEqual(await asked(signal), { accessKeyId: 'first', secretAccessKey: 's', sessionToken: 't' })
    assert.equal(container.requests[0]!.headers['authorization'], 'Basic x')
    container.does(given('second', new Date(Date.now() + 3_600_000).toISOString()))
    assert.deepEqual([(await asked(signal)).accessKeyId, (await asked(signal)).accessKeyId, container.requests.length], ['second', 'second', 2])
    await assert.rejects(chain({})(signal), /there are no credentials: neither AWS_ACCESS_KEY_ID/)
  })

  test('settings that cannot work are told', () => {
    const problem = (settings: object) => schema.settings.safeParse({ region: 'eu-central-1', namespace: 'shop', service: 'users', ...settings }).error?.issues.map(({ message }) => message).join() ?? ''
    assert.equal(problem({}), '')
    assert.match(problem({ region: 'Frankfurt' }), /a region such as "eu-central-1"/)
    assert.match(problem({ accessKeyId: 'a' }), /together with accessKeyId/)
    assert.match(problem({ sessionToken: 'a' }), /only with accessKeyId/)
  })
})
