/**
 * `log`, called for the first event of each key and then at most once a minute, with the number left out since.
 * For `onMalformed` and its like: a sender gone wrong must not fill the disk. Beyond 1000 keys the oldest is forgotten.
 */
export function oncePerMinute<E>(
  log: (key: string, event: E, leftOut: number) => void,
  clock: { monotonic(): number } = { monotonic: () => performance.now() },
): (key: string, event: E) => void {
  const told = new Map<string, { at: number; leftOut: number }>()
  return (key, event) => {
    const now = clock.monotonic()
    const last = told.get(key)
    if (last !== undefined && now - last.at < 60_000) return void last.leftOut++
    told.delete(key)
    told.set(key, { at: now, leftOut: 0 })
    const [oldest] = told.keys()
    if (oldest !== undefined && told.size > 1000) told.delete(oldest)
    log(key, event, last?.leftOut ?? 0)
  }
}
