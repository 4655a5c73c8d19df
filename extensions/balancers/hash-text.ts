/**
 * A 32-bit hash of a text: FNV-1a over its UTF-16 units, then the finalizer of MurmurHash3, without which short texts
 * that differ in their last character would land close together. It is no secret: whoever chooses the key chooses
 * the endpoint. Allocates nothing.
 */
export function hashText(text: string, seed = 0): number {
  let hash = (0x811c9dc5 ^ seed) | 0
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return mixHash(hash)
}

/** A place from 0 to below 1 that a hash has, and that tells nothing about its place in a table. */
export function placeOfHash(hash: number): number {
  return mixHash(hash ^ 0x2545f491) / 0x1_0000_0000
}

/** Spreads the bits of a 32-bit number over all of it. */
export function mixHash(value: number): number {
  let hash = value | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}
