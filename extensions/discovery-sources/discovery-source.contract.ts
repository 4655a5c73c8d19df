import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { DiscoverySource, Following, Instance, InstanceDirectory, SourceEndpoint } from './discovery-source.ts'

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

/** The tests that every source passes. `open` makes one that has the endpoints `ids` now. */
export function discoverySourceContract(name: string, open: (ids: readonly string[]) => { source: DiscoverySource; change?: (ids: readonly string[]) => void }): void {
  suite(`discovery source ${name}`, () => {
    test('it tells its endpoints at once, in the order of their ids', () => {
      const told = follow(open(['c', 'a', 'b']).source)
      assert.equal(told.length, 1)
      assert.deepEqual(told[0]!.map(({ id }) => id), told[0]!.map(({ id }) => id).sort())
      assert.equal(told[0]!.length, 3)
    })

    test('it may have none', () => {
      assert.deepEqual(follow(open([]).source), [[]])
    })

    test('each endpoint has a URL of its own and a place among the others', () => {
      const [endpoints] = follow(open(['a', 'b']).source)
      for (const { url, weight, priority } of endpoints!) assert.deepEqual([new URL(url).protocol, weight, priority], ['http:', 1, 0])
      assert.equal(new Set(endpoints!.map(({ url }) => url)).size, 2)
    })

    // Of a source whose endpoints never change there is nothing more to ask.
    if (open([]).change === undefined) return

    test('it tells each change until it is stopped, and leaves earlier lists alone', () => {
      const { source, change } = open(['a'])
      assert.ok(change)
      const told: (readonly SourceEndpoint[])[] = []
      const following = source.follow((endpoints) => told.push(endpoints))
      change(['a', 'b'])
      following.stop()
      change([])
      assert.deepEqual(told.map((endpoints) => endpoints.length), [1, 2])
    })
  })
}

function follow(source: DiscoverySource): (readonly SourceEndpoint[])[] {
  const told: (readonly SourceEndpoint[])[] = []
  source.follow((endpoints) => told.push(endpoints)).stop()
  return told
}
