import { InvalidArgumentError } from 'commander'

const secondsByUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** Seconds of `90`, `90s`, `15m`, `1h`, `30d`. For commander: throws its `InvalidArgumentError`. */
export function parseDuration(text: string): number {
  const match = /^(\d{1,9})([smhd]?)$/.exec(text)
  const seconds = Number(match?.[1]) * (secondsByUnit[match?.[2] || 's'] ?? NaN)
  if (!Number.isSafeInteger(seconds) || seconds === 0) throw new InvalidArgumentError('expected a duration such as 90s, 15m, 1h or 30d')
  return seconds
}

/** A whole number within bounds, for commander. */
export function wholeNumberBetween(lowest: number, highest: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < lowest || value > highest) {
      throw new InvalidArgumentError(`expected a whole number from ${lowest} to ${highest}`)
    }
    return value
  }
}
