import { randomFillSync } from 'node:crypto'

/** One system call for many ids: 16 random bytes by themselves cost some µs, from the pool next to nothing. */
const poolBytes = 8192
const pool = Buffer.alloc(poolBytes)
let used = poolBytes

/** Where `count` fresh random bytes stand in `randomPool`; they are given out once. Read them before the next call. */
export function takeRandom(count: number): number {
  if (used + count > poolBytes) {
    randomFillSync(pool)
    used = 0
  }
  const from = used
  used += count
  return from
}

export const randomPool: Buffer = pool
