import type { AdminAnswer } from './admin-client.ts'

interface Page<T> {
  readonly items: readonly T[]
  readonly next: string | null
}

type Query = Readonly<Record<string, string | undefined>>

/** Up to `limit` items of a list of the admin API, read page by page. */
export async function allItems<T>(call: (query: Query) => Promise<AdminAnswer<Page<T>>>, limit = Number.MAX_SAFE_INTEGER): Promise<T[]> {
  const items: T[] = []
  let cursor: string | undefined
  do {
    const { body } = await call({ limit: String(Math.min(limit - items.length, 500)), cursor })
    items.push(...body.items)
    cursor = body.next ?? undefined
  } while (cursor !== undefined && items.length < limit)
  return items.slice(0, limit)
}
