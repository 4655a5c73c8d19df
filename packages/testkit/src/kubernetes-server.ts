// A double of the API server for EndpointSlices: list in pages, watch with bookmarks, 410 Gone, as the API's concepts say
// ("Efficient detection of changes", "Retrieving large results sets in chunks"). Shapes are those of a real kube-apiserver.
import type { ServerResponse } from 'node:http'
import type { Cleanup } from './child-process.ts'
import { startUpstream, type ScriptedUpstream } from './scripted-upstream.ts'
import type { Reply } from './upstream-scripts.ts'

export interface KubernetesEndpoint {
  readonly address: string
  /** Undefined is left out of the slice, which means ready. */
  readonly ready?: boolean
  readonly zone?: string
}

export interface KubernetesServer {
  readonly upstream: ScriptedUpstream
  /** Without it requests are answered 401; empty: nobody is asked for one. */
  token: string
  /** How many slices a page of a list holds. */
  pageSize: number
  /** Makes or replaces a slice of a Service. */
  set(service: string, slice: string, port: number, endpoints: readonly KubernetesEndpoint[], addressType?: string): void
  remove(slice: string): void
  /** Moves the version on without a change, and tells watchers so. */
  bookmark(): void
  /** What happened up to now is forgotten: watches are ended with 410, and one from before gets 410. */
  compact(): void
  /** Ends the watches that are open as a server that closes them in time does. */
  endWatches(): void
  readonly watches: number
}

interface Slice {
  readonly metadata: { name: string; namespace: string; resourceVersion: string; labels: Record<string, string> }
  readonly [field: string]: unknown
}

interface Watch {
  readonly response: ServerResponse
  readonly service: string
}

const path = '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices'

/** Starts one that ends with the test; everything is in the namespace `shop`. */
export async function startKubernetes(t: Cleanup): Promise<KubernetesServer> {
  const slices = new Map<string, Slice>()
  const watches = new Set<Watch>()
  let events: { version: number; type: string; slice: Slice }[] = []
  let version = 100
  let oldest = 100
  const tell = (watch: Watch, type: string, object: object) => void watch.response.write(`${JSON.stringify({ type, object })}\n`)
  const happen = (type: string, slice: Slice) => {
    events.push({ version, type, slice })
    for (const watch of watches) if (isOf(slice, watch.service)) tell(watch, type, slice)
  }
  const upstream = await startUpstream(t, (reply) => answerSlices(reply))
  const server: KubernetesServer = {
    upstream,
    token: '',
    pageSize: 500,
    set(service, name, port, endpoints, addressType = 'IPv4') {
      version++
      const type = slices.has(name) ? 'MODIFIED' : 'ADDED'
      slices.set(name, sliceOf({ service, name, port, endpoints, addressType, version }))
      happen(type, slices.get(name)!)
    },
    remove(name) {
      version++
      const slice = slices.get(name)!
      slices.delete(name)
      happen('DELETED', { ...slice, metadata: { ...slice.metadata, resourceVersion: String(version) } })
    },
    bookmark() {
      version++
      for (const watch of watches) tell(watch, 'BOOKMARK', { kind: 'EndpointSlice', apiVersion: 'discovery.k8s.io/v1', metadata: { resourceVersion: String(version) }, endpoints: null, ports: null, addressType: '' })
    },
    compact() {
      version++
      oldest = version
      events = []
      for (const watch of watches) tell(watch, 'ERROR', statusOf(410, 'Expired', `too old resource version: ${version - 1} (${version})`))
      this.endWatches()
    },
    endWatches() {
      for (const { response } of watches) response.end()
    },
    get watches() {
      return watches.size
    },
  }
  const answerSlices = ({ record, response }: Reply) => {
    const url = new URL(record.url, 'http://kubernetes')
    const refuse = (code: number, reason: string, message: string) => void response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(statusOf(code, reason, message)))
    if (url.pathname !== path) return refuse(404, 'NotFound', 'the server could not find the requested resource')
    if (server.token !== '' && record.headers.authorization !== `Bearer ${server.token}`) return refuse(401, 'Unauthorized', 'Unauthorized')
    const [, service = ''] = /^kubernetes\.io\/service-name=(.+)$/.exec(url.searchParams.get('labelSelector') ?? '') ?? []
    if (url.searchParams.get('watch') === '1') return openWatch(url, service, response, refuse)
    const all = [...slices.values()].filter((slice) => isOf(slice, service))
    const from = Number(url.searchParams.get('continue') ?? 0)
    const next = from + server.pageSize
    const metadata = { resourceVersion: String(version), ...(next < all.length && { continue: String(next), remainingItemCount: all.length - next }) }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ kind: 'EndpointSliceList', apiVersion: 'discovery.k8s.io/v1', metadata, items: all.slice(from, next) }))
  }
  const openWatch = (url: URL, service: string, response: ServerResponse, refuse: (code: number, reason: string, message: string) => void) => {
    const from = Number(url.searchParams.get('resourceVersion'))
    if (from < oldest) return refuse(410, 'Expired', `too old resource version: ${from} (${oldest})`)
    response.writeHead(200, { 'content-type': 'application/json' })
    response.flushHeaders()
    const watch = { response, service }
    watches.add(watch)
    response.once('close', () => watches.delete(watch))
    for (const event of events) if (event.version > from && isOf(event.slice, service)) tell(watch, event.type, event.slice)
  }
  return server
}

function isOf(slice: Slice, service: string): boolean {
  return slice.metadata.labels['kubernetes.io/service-name'] === service
}

function sliceOf({ service, name, port, endpoints, addressType, version }: { service: string; name: string; port: number; endpoints: readonly KubernetesEndpoint[]; addressType: string; version: number }): Slice {
  return {
    kind: 'EndpointSlice',
    apiVersion: 'discovery.k8s.io/v1',
    metadata: { name, namespace: 'shop', resourceVersion: String(version), labels: { 'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io', 'kubernetes.io/service-name': service } },
    addressType,
    endpoints: endpoints.map(({ address, ready, zone }) => ({
      addresses: [address],
      conditions: ready === undefined ? {} : { ready, serving: ready, terminating: false },
      ...(zone !== undefined && { nodeName: 'node-1', zone }),
    })),
    ports: [{ name: 'http', port, protocol: 'TCP' }, { name: 'metrics', port: 9100, protocol: 'TCP' }],
  }
}

function statusOf(code: number, reason: string, message: string): object {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code }
}
