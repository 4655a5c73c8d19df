import { randomFillSync } from 'node:crypto'

/** One system call for many ids: 16 random bytes by themselves cost some µs, from the pool next to nothing. */
const poolBytes = 8192
const pool = Buffer.alloc(poolBytes)
let used = poolBytes
/** The bytes of another filling as hex digits: a piece of a string costs less than a call for each id. */
let hexDigits = ''
let hexUsed = 0

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

/** `count` fresh random bytes as lower-case hex digits, two a byte. */
export function takeRandomHex(count: number): string {
  const digits = count * 2
  if (hexUsed + digits > hexDigits.length) {
    hexDigits = randomFillSync(Buffer.allocUnsafe(poolBytes)).toString('hex')
    hexUsed = 0
  }
  const from = hexUsed
  hexUsed += digits
  return hexDigits.slice(from, hexUsed)
}

export const randomPool: Buffer = pool
