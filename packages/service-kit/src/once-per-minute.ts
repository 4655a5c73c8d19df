import { systemClock } from './clock.ts'

/**
 * Calls `write` at the first event of each key and then at most once a minute, with how many events it stands for and the last of them.
 * For what a peer can cause at will, such as malformed messages: a sender gone wrong must not fill the disk. Beyond 1000 keys the
 * oldest is forgotten.
 */
export function oncePerMinute<E = void>(write: (key: string, times: number, event: E) => void, clock: { monotonic(): number } = systemClock): (key: string, event: E) => void {
  const told = new Map<string, { at: number; held: number }>()
  return (key, event) => {
    const now = clock.monotonic()
    const last = told.get(key)
    if (last !== undefined && now - last.at < 60_000) return void last.held++
    told.delete(key)
    told.set(key, { at: now, held: 0 })
    const [oldest] = told.keys()
    if (oldest !== undefined && told.size > 1000) told.delete(oldest)
    write(key, (last?.held ?? 0) + 1, event)
  }
}
