// A namespace of AWS Cloud Map in moto, which is no server of AWS but follows its API; filled by that API.
import type { Cleanup } from './child-process.ts'
import { fetchOnce } from './http-client.ts'
import { startMoto } from './servers.ts'

export interface CloudMap {
  readonly url: string
  /** What `discovery` has to name besides the service. */
  readonly discovery: { readonly source: 'cloud-map'; readonly region: string; readonly namespace: string; readonly url: string; readonly accessKeyId: string; readonly secretAccessKey: string }
  /** Registers an instance of a service, which is made when there is none of the name, or replaces it. */
  register(service: string, id: string, attributes: Readonly<Record<string, string>>): Promise<void>
  /** Without such an instance nothing happens. */
  deregister(service: string, id: string): Promise<void>
  kill(): Promise<void>
  restart(): Promise<void>
}

const region = 'eu-central-1'
const namespace = 'shop'

/** Starts one that ends with the test; rejects where there is no Python to run it. */
export async function startCloudMap(t: Cleanup): Promise<CloudMap> {
  const server = await startMoto()
  t.after(() => server.stop())
  const services = new Map<string, string>()
  const registered = new Set<string>()
  const call = async <T>(action: string, body: object): Promise<T> => {
    const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': `Route53AutoNaming_v20170314.${action}`, authorization: `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/servicediscovery/aws4_request, SignedHeaders=host, Signature=0` }
    const answer = await fetchOnce(server.url, { method: 'POST', headers, body: JSON.stringify(body) })
    if (answer.status !== 200) throw new Error(`${action}: ${answer.status} ${answer.body}`)
    return answer.json<T>()
  }
  await call('CreateHttpNamespace', { Name: namespace })
  const { Namespaces } = await call<{ Namespaces: { Id: string }[] }>('ListNamespaces', {})
  const idOf = async (service: string) => {
    const known = services.get(service)
    if (known !== undefined) return known
    const { Service } = await call<{ Service: { Id: string } }>('CreateService', { Name: service, NamespaceId: Namespaces[0]!.Id })
    services.set(service, Service.Id)
    return Service.Id
  }
  const deregister = async (service: string, id: string) => {
    if (registered.delete(`${service}/${id}`)) await call('DeregisterInstance', { ServiceId: await idOf(service), InstanceId: id })
  }
  return {
    url: server.url,
    discovery: { source: 'cloud-map', region, namespace, url: server.url, accessKeyId: 'test', secretAccessKey: 'secret' },
    async register(service, id, attributes) {
      // Cloud Map replaces an instance of that id, moto has it twice.
      await deregister(service, id)
      await call('RegisterInstance', { ServiceId: await idOf(service), InstanceId: id, Attributes: attributes })
      registered.add(`${service}/${id}`)
    },
    deregister,
    kill: () => server.kill(),
    restart: () => server.restart(),
  }
}
