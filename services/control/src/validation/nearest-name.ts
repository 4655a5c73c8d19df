/**
 * The name that is written most like `wanted`, or undefined when none is near: at most one change for each three
 * of its letters (insertion, removal, replacement or a swap of neighbours; the "optimal string alignment" distance), case
 * not counted. Costs names × length², so it is asked for problems only.
 */
export function nearestName(wanted: string, names: Iterable<string>): string | undefined {
  if (wanted.length > maxLength) return undefined
  const target = wanted.toLowerCase()
  let limit = Math.floor(target.length / 3) + 1
  let nearest: string | undefined
  for (const name of names) {
    if (name === wanted || Math.abs(name.length - target.length) >= limit) continue
    const distance = editDistance(target, name.toLowerCase(), limit)
    if (distance >= limit) continue
    limit = distance
    nearest = name
    if (distance === 0) break
  }
  return nearest
}

/** No name of ours is longer. */
const maxLength = 256

/** The distance, or `limit` when it is at least that. */
function editDistance(a: string, b: string, limit: number): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    let lowest = i
    for (let j = 1; j <= b.length; j++) {
      const cost = a[i - 1] === b[j - 1] ? 0 : 1
      let value = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + cost)
      const isSwap = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      if (isSwap) value = Math.min(value, beforeLast[j - 2]! + 1)
      row.push(value)
      lowest = Math.min(lowest, value)
    }
    if (lowest > limit) return limit
    beforeLast = last
    last = row
  }
  return Math.min(last[b.length]!, limit)
}
