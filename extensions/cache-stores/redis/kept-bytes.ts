/** An entry as bytes: four of the length of its facts, those as JSON, then the body as it is. */
import type { CacheEntry, StoredResponse } from '../cache-store.ts'

interface Facts {
  readonly mark: number
  readonly entry: Omit<StoredResponse, 'body'> | Exclude<CacheEntry, StoredResponse>
}

const noBody = Buffer.alloc(0)

export function bytesOf(entry: CacheEntry, mark: number): Buffer {
  const { body = noBody, ...rest } = entry as Partial<StoredResponse>
  const facts = Buffer.from(JSON.stringify({ mark, entry: rest }))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(facts.length)
  return Buffer.concat([length, facts, body])
}

/** Undefined for what another version has written, or nobody. */
export function entryOf(bytes: Buffer): { entry: CacheEntry; mark: number } | undefined {
  try {
    const end = 4 + bytes.readUInt32BE(0)
    const { mark, entry } = JSON.parse(bytes.toString('utf8', 4, end)) as Facts
    if (typeof mark !== 'number' || typeof entry.url !== 'string') return undefined
    return { mark, entry: 'variesBy' in entry ? entry : { ...entry, body: bytes.subarray(end) } }
  } catch {
    return undefined
  }
}
