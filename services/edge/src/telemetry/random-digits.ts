import { randomFillSync } from 'node:crypto'

/** One system call for many ids: the bytes of a single one by themselves cost some µs. */
const poolBytes = 8192

/** Cuts texts of random digits from one long one: a piece of a string costs less than a call for each id. */
class DigitPool {
  private readonly refill: () => string
  private digits = ''
  private used = 0

  constructor(refill: () => string) {
    this.refill = refill
  }

  take(count: number): string {
    if (this.used + count > this.digits.length) {
      this.digits = this.refill()
      this.used = 0
    }
    const from = this.used
    this.used += count
    return this.digits.slice(from, this.used)
  }
}

/** Crockford's Base32. */
const crockfordDigits = Buffer.from('0123456789ABCDEFGHJKMNPQRSTVWXYZ')

const hex = new DigitPool(() => randomFillSync(Buffer.allocUnsafe(poolBytes)).toString('hex'))
const base32 = new DigitPool(() => {
  const bytes = randomFillSync(Buffer.allocUnsafe(poolBytes))
  for (let at = 0; at < bytes.length; at++) bytes[at] = crockfordDigits[bytes[at]! & 31]!
  return bytes.toString('latin1')
})

/** `count` fresh random digits, lower-case hexadecimal: four bits each. */
export function takeHexDigits(count: number): string {
  return hex.take(count)
}

/** `count` fresh random digits of Crockford's Base32: five bits each. */
export function takeBase32Digits(count: number): string {
  return base32.take(count)
}
