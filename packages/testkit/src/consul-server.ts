// A double of Consul's `/v1/health/service/:service` with blocking queries, after its API documentation ("Blocking Queries",
// "List Service Instances for Service"): there is no package of the real server.
import { EventEmitter, once } from 'node:events'
import type { Cleanup } from './child-process.ts'
import { startUpstream, type ScriptedUpstream } from './scripted-upstream.ts'
import type { Reply } from './upstream-scripts.ts'

export interface ConsulInstance {
  readonly id: string
  /** Empty: that of its node. */
  readonly address?: string
  readonly port: number
  readonly tags?: readonly string[]
  readonly meta?: Readonly<Record<string, string>>
  readonly weights?: { readonly Passing: number; readonly Warning: number }
  readonly datacenter?: string
  readonly check?: 'passing' | 'warning' | 'critical'
}

export interface ConsulServer {
  readonly upstream: ScriptedUpstream
  /** Without the token requests are answered 403; empty: nobody is asked for one. */
  token: string
  /** Replaces the instances of a service; the index grows, or is set to `index`. */
  set(service: string, instances: readonly ConsulInstance[], index?: number): void
}

/** Starts one that ends with the test. */
export async function startConsul(t: Cleanup): Promise<ConsulServer> {
  const services = new Map<string, readonly ConsulInstance[]>()
  const changes = new EventEmitter().setMaxListeners(1000)
  let index = 1
  const upstream = await startUpstream(t, (reply) => answerHealth(reply))
  const server: ConsulServer = {
    upstream,
    token: '',
    set(service, instances, at = index + 1) {
      services.set(service, instances)
      index = at
      changes.emit('change')
    },
  }
  const answerHealth = async ({ record, response }: Reply) => {
    const url = new URL(record.url, 'http://consul')
    const [, service = ''] = /^\/v1\/health\/service\/([^/]+)$/.exec(url.pathname) ?? []
    if (server.token !== '' && record.headers['x-consul-token'] !== server.token) return void response.writeHead(403).end('ACL not found')
    const asked = Number(url.searchParams.get('index') ?? 0)
    const wait = Number(/^(\d+)ms$/.exec(url.searchParams.get('wait') ?? '')?.[1] ?? 300_000)
    if (asked > 0 && asked === index) await Promise.race([once(changes, 'change'), once(response, 'close'), new Promise((resolve) => setTimeout(resolve, wait).unref())])
    const datacenter = url.searchParams.get('dc') ?? 'dc1'
    const found = (services.get(decodeURIComponent(service)) ?? []).filter((instance) => (instance.datacenter ?? 'dc1') === datacenter)
    response.writeHead(200, { 'content-type': 'application/json', 'x-consul-index': String(index) }).end(JSON.stringify(found.map((instance) => entryOf(service, instance))))
  }
  return server
}

/** An item as the documentation shows it. */
function entryOf(service: string, { id, address = '', port, tags = [], meta = {}, weights = { Passing: 1, Warning: 1 }, datacenter = 'dc1', check = 'passing' }: ConsulInstance): object {
  return {
    Node: { ID: '40e4a748-2192-161a-0510-9bf59fe950b5', Node: 'foobar', Address: '127.0.0.1', Datacenter: datacenter, TaggedAddresses: { lan: '127.0.0.1' }, Meta: { instance_type: 't2.medium' } },
    Service: { ID: id, Service: service, Tags: tags, Address: address, Meta: meta, Port: port, Weights: weights, Namespace: 'default' },
    Checks: [
      { Node: 'foobar', CheckID: 'serfHealth', Name: 'Serf Health Status', Status: 'passing', ServiceID: '', ServiceName: '' },
      { Node: 'foobar', CheckID: `service:${id}`, Name: `Service '${service}' check`, Status: check, ServiceID: id, ServiceName: service },
    ],
  }
}
