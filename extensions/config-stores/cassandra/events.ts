import type { Connection } from '@sluice/databases/cassandra-connection'
import type { StoredEvent } from '../config-store.ts'

const DAY_MS = 86_400_000

export async function appendEvent(connection: Connection, { scope, atMs, key, body }: StoredEvent, ttlSeconds: number): Promise<void> {
  const day = Math.floor(atMs / DAY_MS)
  // The day first: an event whose day is not listed would never be found.
  await connection.write(`INSERT INTO config_event_day (scope, day) VALUES (?, ?) USING TTL ${ttlSeconds}`, [scope, day])
  await connection.write(`INSERT INTO config_event (scope, day, at, key, body) VALUES (?, ?, ?, ?, ?) USING TTL ${ttlSeconds}`, [scope, day, new Date(atMs), key, body])
}

/** Newest first. Reads the days that have events, at most as many as are kept. */
export async function listEvents(connection: Connection, scope: string, limit: number): Promise<StoredEvent[]> {
  const days = await connection.readAll('SELECT day FROM config_event_day WHERE scope = ?', [scope])
  const events: StoredEvent[] = []
  for (const { day } of days) {
    if (events.length >= limit) break
    const rows = await connection.readAll('SELECT at, key, body FROM config_event WHERE scope = ? AND day = ? LIMIT ?', [scope, day, limit - events.length])
    for (const row of rows) events.push({ scope, atMs: (row.at as Date).getTime(), key: row.key, body: row.body })
  }
  return events
}
