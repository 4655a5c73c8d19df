import { isDeepStrictEqual } from 'node:util'
import type { RevisionRecord } from '@sluice/config-stores/config-store'
import { findResource, resourceKinds, type WrittenDocument } from './resources.ts'
import type { StoredRevision, StoredRevisions } from './stored-revisions.ts'

/** How far back is looked, and for how long: reading a revision of many routes takes a while. */
const maxRevisions = 500
const maxMs = 3000

/**
 * Which revision made each of these resources, such as `routes/get-user`, what it is in `head`; without those that were
 * made too long ago to be looked for.
 */
export async function lastChanges(stored: Pick<StoredRevisions, 'look'>, head: StoredRevision, resources: readonly string[]): Promise<Map<string, RevisionRecord>> {
  const found = new Map<string, RevisionRecord>()
  const open = new Set(resources)
  const deadline = performance.now() + maxMs
  const oldest = Math.max(head.record.revision - maxRevisions, 0)
  for (let after = head; open.size > 0 && after.record.revision > oldest && performance.now() < deadline; ) {
    const before = after.record.revision === 1 ? undefined : await stored.look(after.record.revision - 1)
    for (const resource of open) {
      if (isDeepStrictEqual(contentOf(after.document, resource), before && contentOf(before.document, resource))) continue
      found.set(resource, after.record)
      open.delete(resource)
    }
    if (before === undefined) break
    after = before
  }
  return found
}

function contentOf(document: WrittenDocument, resource: string): unknown {
  const slash = resource.indexOf('/')
  if (slash === -1) return document[resource as keyof WrittenDocument]
  const kind = resourceKinds.find((one) => one === resource.slice(0, slash))
  return kind && findResource(document, kind, resource.slice(slash + 1))
}
