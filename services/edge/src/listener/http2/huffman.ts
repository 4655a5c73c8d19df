/**
 * The code in which HPACK writes strings (RFC 7541 §5.2 and appendix B). It is canonical: codes of one length go up with
 * their symbols, so that the lengths are all there is to know. Decoding goes by half bytes through a table that is made
 * from them once: no code is shorter than five bits, so each step gives one symbol at most.
 */

/** Bits of the code of each byte; then that of the end, which never appears as a whole. */
const lengths: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
]
const end = 256

const codes = canonicalCodes()
/** By state and half byte: the next state, `symbol << 8`, and the flags. */
const steps = new Int32Array(256 * 16)
const emits = 1 << 16
const fails = 1 << 17
/** By state: whether a string may end there, the rest being ones, fewer than eight (§5.2). */
const mayEnd = new Uint8Array(256)
makeSteps()

function canonicalCodes(): Int32Array {
  const made = new Int32Array(257)
  let code = 0
  for (let length = 5; length <= 30; length++) {
    for (let symbol = 0; symbol <= end; symbol++) if (lengths[symbol] === length) made[symbol] = code++
    code <<= 1
  }
  return made
}

/** Fills `steps` from the tree of the codes, in which node 0 is the root, and a leaf is `-1 - symbol`. */
function makeSteps(): void {
  const tree = new Int32Array(256 * 2)
  let nodes = 1
  mayEnd[0] = 1
  for (let symbol = 0; symbol <= end; symbol++) {
    let node = 0
    for (let bit = lengths[symbol]! - 1; bit >= 0; bit--) {
      const side = node * 2 + ((codes[symbol]! >> bit) & 1)
      if (bit === 0) tree[side] = -1 - symbol
      else {
        if (tree[side] === 0) {
          const depth = lengths[symbol]! - bit
          mayEnd[nodes] = depth < 8 && codes[symbol]! >> bit === (1 << depth) - 1 ? 1 : 0
          tree[side] = nodes++
        }
        node = tree[side]!
      }
    }
  }
  for (let state = 0; state < nodes; state++) for (let half = 0; half < 16; half++) steps[state * 16 + half] = stepOf(tree, state, half)
}

function stepOf(tree: Int32Array, state: number, half: number): number {
  let node = state
  let step = 0
  for (let bit = 3; bit >= 0; bit--) {
    node = tree[node * 2 + ((half >> bit) & 1)]!
    if (node === -1 - end) return fails
    if (node >= 0) continue
    step = emits | ((-1 - node) << 8)
    node = 0
  }
  return step | node
}

/** Grows to what the longest string needed that a header block has room for. */
let scratch = Buffer.allocUnsafeSlow(4096)

/** The string, one character a byte, that `bytes` from `from` to `to` stand for; undefined when they are no code. */
export function decodeHuffman(bytes: Uint8Array, from: number, to: number): string | undefined {
  const most = Math.ceil(((to - from) * 8) / 5)
  if (most > scratch.length) scratch = Buffer.allocUnsafeSlow(most)
  const out = scratch
  let state = 0
  let length = 0
  for (let at = from; at < to; at++) {
    const byte = bytes[at]!
    const high = steps[state * 16 + (byte >> 4)]!
    if ((high & emits) !== 0) out[length++] = (high >> 8) & 0xff
    const low = steps[(high & 0xff) * 16 + (byte & 15)]!
    if ((low & emits) !== 0) out[length++] = (low >> 8) & 0xff
    if (((high | low) & fails) !== 0) return undefined
    state = low & 0xff
  }
  return mayEnd[state] === 1 ? out.toString('latin1', 0, length) : undefined
}

/** `text`, of latin-1 characters, in the code, one character a byte. */
export function encodeHuffman(text: string): string {
  let encoded = ''
  let held = 0
  let bits = 0
  for (let at = 0; at < text.length; at++) {
    const symbol = text.charCodeAt(at)
    // Bit by bit for the long ones: more than 32 would not fit.
    for (let bit = lengths[symbol]! - 1; bit >= 0; bit--) {
      held = (held << 1) | ((codes[symbol]! >> bit) & 1)
      if (++bits < 8) continue
      encoded += String.fromCharCode(held)
      held = 0
      bits = 0
    }
  }
  return bits === 0 ? encoded : encoded + String.fromCharCode((held << (8 - bits)) | ((1 << (8 - bits)) - 1))
}
