import type { RevisionRecord } from '../config-store.ts'
import type { HeadSource } from '../head-tail.ts'
import type { RevisionLog } from './revision-log.ts'

const PAGE = 100

/** A scope's log as watching reads it: what another datacenter wrote can arrive out of order, and is then asked of all. */
export function logSource(log: RevisionLog, scope: string): HeadSource {
  return {
    head: async () => (await log.head(scope))?.record,
    async after(revision) {
      const heard = contiguous(revision, await log.after(scope, revision, PAGE))
      if (heard.gap === false || heard.records.length > 0) return heard.records
      return contiguous(revision, await log.after(scope, revision, PAGE, { serial: true })).records
    },
  }
}

function contiguous(last: number, records: readonly RevisionRecord[]): { records: RevisionRecord[]; gap: boolean } {
  const end = records.findIndex((record, index) => record.revision !== last + 1 + index)
  return end === -1 ? { records: [...records], gap: false } : { records: records.slice(0, end), gap: true }
}
