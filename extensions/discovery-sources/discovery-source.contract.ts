import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { waitUntil } from '@sluice/testkit'
import type { DiscoverySource, Following, Instance, InstanceDirectory, SourceEndpoint, SourceStatus } from './discovery-source.ts'

/** A directory of instances that a test fills. */
export class ScriptedInstances implements InstanceDirectory {
  #instances: Instance[] = []
  readonly #watchers = new Set<{ service: string; onChange: () => void }>()

  list(service: string): Instance[] {
    return this.#instances.filter((instance) => instance.service === service).sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  watch(service: string, onChange: () => void): Following {
    const watcher = { service, onChange }
    this.#watchers.add(watcher)
    return { stop: () => void this.#watchers.delete(watcher) }
  }

  set(...instances: Instance[]): void {
    this.#instances = instances
    for (const { onChange } of [...this.#watchers]) onChange()
  }
}

export function instance(id: string, overrides: Partial<Instance> = {}): Instance {
  return { service: 'users', id, url: `http://10.0.0.1:${9000 + id.charCodeAt(0)}`, weight: 1, zone: '', priority: 0, tags: [], version: '', datacenter: '', healthUrl: '', down: '', ...overrides }
}

/** What a source says of how it fares. */
export class RecordedStatus implements SourceStatus {
  answers = 0
  readonly failures: string[] = []
  readonly skips: string[] = []

  answered(): void {
    this.answers++
  }

  failed(error: unknown): void {
    this.failures.push(String((error as Error).message || (error as NodeJS.ErrnoException).code))
  }

  skipped(what: string): void {
    this.skips.push(what)
  }
}

export interface OpenedSource {
  readonly source: DiscoverySource
  readonly change?: (ids: readonly string[]) => void | Promise<void>
}

/** The tests that every source passes. `open` makes one that has the endpoints `ids` now. */
export function discoverySourceContract(name: string, open: (ids: readonly string[], t: TestContext) => OpenedSource | Promise<OpenedSource>): void {
  suite(`discovery source ${name}`, () => {
    test('it tells its endpoints in the order of their ids', async (t) => {
      const told = follow((await open(['c', 'a', 'b'], t)).source, t)
      const [list] = await waitUntil(() => (told.length > 0 ? told : undefined))
      assert.deepEqual(list!.map(({ id }) => id), list!.map(({ id }) => id).sort())
      assert.equal(list!.length, 3)
    })

    test('it may have none', async (t) => {
      const told = follow((await open([], t)).source, t)
      await waitUntil(() => told.length > 0)
      assert.deepEqual(told, [[]])
    })

    test('each endpoint has a URL of its own and a place among the others', async (t) => {
      const told = follow((await open(['a', 'b'], t)).source, t)
      await waitUntil(() => told.length > 0)
      for (const { url, weight, priority } of told[0]!) assert.deepEqual([new URL(url).protocol, weight, priority], ['http:', 1, 0])
      assert.equal(new Set(told[0]!.map(({ url }) => url)).size, 2)
    })

    test('it tells each change until it is stopped, and leaves earlier lists alone', async (t) => {
      const { source, change } = await open(['a'], t)
      // Of a source whose endpoints never change there is nothing more to ask.
      if (change === undefined) return
      const told: (readonly SourceEndpoint[])[] = []
      const following = source.follow((endpoints) => told.push(endpoints))
      t.after(() => following.stop())
      await waitUntil(() => told.length === 1)
      await change(['a', 'b'])
      await waitUntil(() => told.length === 2)
      following.stop()
      await change([])
      const other = follow(source, t)
      await waitUntil(() => other.length > 0)
      assert.deepEqual(told.map((endpoints) => endpoints.length), [1, 2])
    })
  })
}

/** Follows to the end of the test; answers the lists that were told, growing. */
export function follow(source: DiscoverySource, t: Pick<TestContext, 'after'>): (readonly SourceEndpoint[])[] {
  const told: (readonly SourceEndpoint[])[] = []
  const following = source.follow((endpoints) => told.push(endpoints))
  t.after(() => following.stop())
  return told
}

/** Resolves once the list that was told last has these endpoints, by id or URL. */
export async function waitForEndpoints(told: readonly (readonly SourceEndpoint[])[], wanted: readonly string[], by: 'id' | 'url' = 'id'): Promise<void> {
  const now = () => told.at(-1)?.map((endpoint) => endpoint[by]).join(' ')
  await waitUntil(() => now() === wanted.join(' '), { timeoutMs: 15_000, what: `${wanted.join(' ')}, it is ${now()}` })
}
