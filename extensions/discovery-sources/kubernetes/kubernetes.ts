/**
 * The EndpointSlices of a Service, listed and then watched, as the API's concepts say ("Efficient detection of changes"): bookmarks
 * move the resource version on, a watch that ends goes on from the last one, and 410 Gone means to list anew.
 */
import { readFile } from 'node:fs/promises'
import type { DiscoverySource, SourceParts } from '../discovery-source.ts'
import { followLasting, type Session } from '../lasting-follow.ts'
import { RegistryClient, RegistryRefusal } from '../registry-client.ts'
import { endpointsOf, type EndpointSlice } from './endpoint-slice.ts'
import type { KubernetesSettings } from './schema.ts'

interface SliceList {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string }
  readonly items?: readonly EndpointSlice[]
}

interface WatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: EndpointSlice & { readonly code?: number; readonly message?: string }
}

/** What is mounted into every pod with a service account. */
const podDirectory = '/var/run/secrets/kubernetes.io/serviceaccount'
const pageSize = 500
const gone = 410

export function createSource(settings: KubernetesSettings, { status }: Pick<SourceParts, 'status'>): DiscoverySource {
  return {
    follow(onEndpoints) {
      const watcher = new SliceWatcher(settings)
      return followLasting(status, onEndpoints, (session) => watcher.run(session), () => watcher.close())
    },
  }
}

class SliceWatcher {
  readonly #settings: KubernetesSettings
  readonly #slices = new Map<string, EndpointSlice>()
  #client: RegistryClient | undefined
  #url: URL | undefined
  /** Where a watch goes on; undefined: everything is listed first. */
  #version: string | undefined

  constructor(settings: KubernetesSettings) {
    this.#settings = settings
  }

  async run(session: Session): Promise<void> {
    const client = (this.#client ??= await this.#open())
    session.signal.throwIfAborted()
    try {
      this.#version ??= await this.#list(client, session)
      await this.#watch(client, session)
    } catch (error) {
      if (!(error instanceof RegistryRefusal) || error.status !== gone) throw error
      this.#version = undefined
    }
  }

  close(): void {
    this.#client?.close()
  }

  async #open(): Promise<RegistryClient> {
    const { server, service, namespace = await inPod('namespace'), caFile = server.startsWith('https:') ? await inPod('ca.crt') : undefined } = this.#settings
    this.#url = new URL(`/apis/discovery.k8s.io/v1/namespaces/${namespace.trim()}/endpointslices`, server)
    this.#url.searchParams.set('labelSelector', `kubernetes.io/service-name=${service}`)
    return new RegistryClient({ caFile })
  }

  async #list(client: RegistryClient, session: Session): Promise<string> {
    const listed: EndpointSlice[] = []
    let page: SliceList | undefined
    do {
      const after = page?.metadata.continue
      const { body } = await client.json(this.#with({ limit: String(pageSize), ...(after && { continue: after }) }), await this.#question(session))
      page = body as SliceList
      listed.push(...(page.items ?? []))
    } while (page.metadata.continue)
    this.#slices.clear()
    for (const slice of listed) this.#slices.set(slice.metadata.name ?? '', slice)
    this.#tell(session)
    return page.metadata.resourceVersion
  }

  async #watch(client: RegistryClient, session: Session): Promise<void> {
    const { watchSeconds } = this.#settings
    const url = this.#with({ watch: '1', allowWatchBookmarks: 'true', resourceVersion: this.#version!, timeoutSeconds: String(watchSeconds) })
    const question = { ...(await this.#question(session)), silenceMs: (watchSeconds + 10) * 1000 }
    for await (const line of client.lines(url, question, session.answered)) this.#take(JSON.parse(line) as WatchEvent, session)
  }

  #take({ type, object }: WatchEvent, session: Session): void {
    if (type === 'ERROR') {
      // The version that an error names is none to go on from.
      this.#version = undefined
      if (object.code === gone) throw new RegistryRefusal(gone, this.#url!.pathname)
      throw new Error(`the watch was ended: ${object.message ?? 'no reason was given'}`)
    }
    this.#version = object.metadata.resourceVersion ?? this.#version
    if (type === 'BOOKMARK') return
    const name = object.metadata.name ?? ''
    if (type === 'DELETED') this.#slices.delete(name)
    else this.#slices.set(name, object)
    this.#tell(session)
  }

  #tell(session: Session): void {
    session.tell(endpointsOf(this.#slices.values(), this.#settings))
  }

  #with(parameters: Readonly<Record<string, string>>): URL {
    const url = new URL(this.#url!)
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
    return url
  }

  /** The pod's token is replaced about once an hour, so it is read each time. */
  async #question({ signal }: Session) {
    const { token = this.#settings.server.startsWith('https:') ? await inPod('token') : undefined } = this.#settings
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token.trim()}` }
    return { signal, headers }
  }
}

function inPod(name: string): Promise<string> {
  return readFile(`${podDirectory}/${name}`, 'utf8')
}
