import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { answer, startKubernetes, waitUntil, type KubernetesServer } from '@sluice/testkit'
import { discoverySourceContract, follow, RecordedStatus, waitForEndpoints } from '../discovery-source.contract.ts'
import { createSource } from './kubernetes.ts'
import { schema } from './schema.ts'

function sourceAt(server: KubernetesServer, settings: object = {}) {
  const status = new RecordedStatus()
  return { status, source: createSource(schema.settings.parse({ server: server.upstream.url, service: 'users', namespace: 'shop', port: 'http', ...settings }), { status }) }
}

async function started(t: TestContext, settings: object = {}) {
  const kubernetes = await startKubernetes(t)
  const { source, status } = sourceAt(kubernetes, settings)
  return { kubernetes, status, open: () => follow(source, t) }
}

const addresses: Readonly<Record<string, string>> = { a: '10.0.0.1', b: '10.0.0.2', c: '10.0.0.3' }
const endpointsOf = (ids: readonly string[]) => ids.map((id) => ({ address: addresses[id]! }))
const lists = (server: KubernetesServer) => server.upstream.requests.filter(({ url }) => !url.includes('watch=1')).length
const watches = (server: KubernetesServer) => server.upstream.requests.filter(({ url }) => url.includes('watch=1'))

discoverySourceContract('kubernetes', async (ids, t) => {
  const server = await startKubernetes(t)
  server.set('users', 'users-1', 80, endpointsOf(ids))
  return { source: sourceAt(server).source, change: (list) => server.set('users', 'users-1', 80, endpointsOf(list)) }
})

suite('discovery source kubernetes', () => {
  test('endpoints of all slices of the Service, those that are ready, with their zones', async (t) => {
    const { kubernetes, open } = await started(t)
    kubernetes.set('users', 'users-1', 8080, [{ address: '10.0.0.1', ready: true, zone: 'z1' }, { address: '10.0.0.2', ready: false }])
    kubernetes.set('users', 'users-2', 8080, [{ address: '10.0.0.3' }])
    kubernetes.set('users', 'users-3', 8080, [{ address: 'fd00::1' }], 'IPv6')
    kubernetes.set('orders', 'orders-1', 8080, [{ address: '10.0.0.4' }])
    const told = open()
    await waitForEndpoints(told, ['10.0.0.1:8080', '10.0.0.3:8080'])
    assert.deepEqual(told[0]!.map(({ url, zone }) => [url, zone]), [['http://10.0.0.1:8080', 'z1'], ['http://10.0.0.3:8080', '']])
    kubernetes.remove('users-2')
    await waitForEndpoints(told, ['10.0.0.1:8080'])
  })

  test('the port is the one of that name or number, or the only one', async (t) => {
    for (const [port, expected] of [['http', ['10.0.0.1:8080']], ['metrics', ['10.0.0.1:9100']], [9100, ['10.0.0.1:9100']], [undefined, []]] as const) {
      const { kubernetes, open } = await started(t, { port })
      kubernetes.set('users', 'users-1', 8080, [{ address: '10.0.0.1' }])
      await waitForEndpoints(open(), expected)
    }
  })

  test('a list of many slices is read page by page', async (t) => {
    const { kubernetes, open } = await started(t)
    kubernetes.pageSize = 2
    for (let index = 1; index <= 5; index++) kubernetes.set('users', `users-${index}`, 80, [{ address: `10.0.0.${index}` }])
    await waitForEndpoints(open(), [1, 2, 3, 4, 5].map((index) => `10.0.0.${index}:80`))
    assert.equal(lists(kubernetes), 3)
  })

  test('a watch that ends in time goes on from the last bookmark, without a list', async (t) => {
    const { kubernetes, open } = await started(t)
    kubernetes.set('users', 'users-1', 80, endpointsOf(['a']))
    const told = open()
    await waitUntil(() => kubernetes.watches === 1)
    kubernetes.bookmark()
    kubernetes.endWatches()
    await waitUntil(() => watches(kubernetes).length === 2)
    assert.match(watches(kubernetes)[1]!.url, /resourceVersion=102/)
    kubernetes.set('users', 'users-1', 80, endpointsOf(['a', 'b']))
    await waitForEndpoints(told, ['10.0.0.1:80', '10.0.0.2:80'])
    assert.equal(lists(kubernetes), 1)
  })

  test('410 Gone, within a watch or at its start, means to list anew', async (t) => {
    const { kubernetes, open } = await started(t)
    kubernetes.set('users', 'users-1', 80, endpointsOf(['a']))
    const told = open()
    await waitUntil(() => kubernetes.watches === 1)
    kubernetes.compact()
    await waitUntil(() => kubernetes.watches === 1 && lists(kubernetes) === 2)
    await kubernetes.upstream.kill()
    kubernetes.set('users', 'users-1', 80, endpointsOf(['b']))
    kubernetes.compact()
    await kubernetes.upstream.start()
    await waitForEndpoints(told, ['10.0.0.2:80'])
    assert.equal(lists(kubernetes), 3)
  })

  test('a server that is gone, or refuses, leaves what it said last; changes meanwhile are heard afterwards', async (t) => {
    const { kubernetes, status, open } = await started(t, { token: 'the-token' })
    kubernetes.token = 'the-token'
    kubernetes.set('users', 'users-1', 80, endpointsOf(['a']))
    const told = open()
    await waitUntil(() => kubernetes.watches === 1)
    kubernetes.upstream.doesNext(answer(500, 'etcdserver: no leader'))
    kubernetes.endWatches()
    await waitUntil(() => status.failures.some((failure) => failure.includes('answered 500')))
    await kubernetes.upstream.kill()
    await waitUntil(() => status.failures.at(-1)?.includes('ECONNREFUSED'), { timeoutMs: 15_000 })
    kubernetes.set('users', 'users-2', 80, endpointsOf(['b']))
    assert.equal(told.length, 1)
    await kubernetes.upstream.start()
    await waitForEndpoints(told, ['10.0.0.1:80', '10.0.0.2:80'])
  })

  test('outside of a pod the token and the namespace have to be given, and that is told', async (t) => {
    const { status, open } = await started(t, { namespace: undefined })
    open()
    await waitUntil(() => status.failures[0]?.includes('serviceaccount/namespace'))
  })
})
