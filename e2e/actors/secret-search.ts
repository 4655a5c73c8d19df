// Looks for secrets in everything that a system has written, in the spellings that a program gives them without meaning to.
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Written {
  /** A file by its path in the system's folder, or what else it is. */
  readonly where: string
  readonly bytes: Buffer
}

/** Shorter ones would be found by chance. */
const leastLength = 12
const shownBefore = 80

/**
 * One line for each secret in each place: the place, the spelling and what stands before it, never the secret. `isItsPlace` says where
 * the design has it lie. Throws for a secret that is too short to look for. One pass over the bytes, however many secrets.
 */
export function findSecrets(written: readonly Written[], secrets: Iterable<string>, isItsPlace: (where: string, secret: string) => boolean): string[] {
  const spellings = new SpellingsByHead()
  for (const secret of secrets) {
    if (secret.length < leastLength) throw new RangeError(`a secret of ${secret.length} characters is found by chance; ${leastLength} at least`)
    for (const spelling of spellingsOf(secret)) spellings.add(spelling)
  }
  return written.flatMap(({ where, bytes }) => {
    const seen = new Set<string>()
    const found: string[] = []
    spellings.search(bytes, ({ secret, name }, at) => {
      if (seen.has(secret) || isItsPlace(where, secret)) return
      seen.add(secret)
      found.push(`${where} holds a secret ${name}, behind ${JSON.stringify(bytes.toString('latin1', Math.max(0, at - shownBefore), at))}`)
    })
    return found
  })
}

/** Spellings by their first four bytes, and a table of those to pass over nearly all others with one look. */
class SpellingsByHead {
  private readonly byHead = new Map<number, Spelling[]>()
  private readonly mayBegin = new Uint8Array(65_536)

  add(spelling: Spelling): void {
    const head = spelling.needle.readUInt32LE(0)
    this.byHead.set(head, [...(this.byHead.get(head) ?? []), spelling])
    this.mayBegin[fold(head)] = 1
  }

  search(bytes: Buffer, onHit: (spelling: Spelling, at: number) => void): void {
    let head = 0
    for (let index = 0; index < bytes.length; index++) {
      head = ((head >>> 8) | (bytes[index]! << 24)) >>> 0
      if (this.mayBegin[fold(head)] === 0) continue
      const at = index - 3
      for (const spelling of this.byHead.get(head) ?? []) {
        if (at >= 0 && bytes.subarray(at, at + spelling.needle.length).equals(spelling.needle)) onHit(spelling, at)
      }
    }
  }
}

function fold(head: number): number {
  return (head ^ (head >>> 16)) & 0xffff
}

interface Spelling {
  readonly secret: string
  readonly name: string
  readonly needle: Buffer
}

function spellingsOf(secret: string): Spelling[] {
  const bytes = Buffer.from(secret)
  const texts: [string, string][] = [
    ['in clear', secret],
    ['as JSON', JSON.stringify(secret).slice(1, -1)],
    ['in a URL', encodeURIComponent(secret)],
    ['in hex', bytes.toString('hex')],
    ['in hex', bytes.toString('hex').toUpperCase()],
    ...[0, 1, 2].flatMap((offset): [string, string][] => (['base64', 'base64url'] as const).map((alphabet) => [`in ${alphabet}`, middleOf(bytes, offset, alphabet)])),
  ]
  const needles = new Map(texts.map(([name, text]) => [text, name]))
  return [...needles].map(([text, name]) => ({ secret, name, needle: Buffer.from(text) }))
}

/** How the secret looks inside something longer that is base64, behind so many bytes: without the characters that its neighbours decide. */
function middleOf(secret: Buffer, offset: number, alphabet: 'base64' | 'base64url'): string {
  const text = Buffer.concat([Buffer.alloc(offset), secret]).toString(alphabet).replace(/=+$/, '')
  const from = offset === 0 ? 0 : offset + 1
  const isWhole = (offset + secret.length) % 3 === 0
  return text.slice(from, isWhole ? undefined : -1)
}

/** Every file below the folder. One that goes meanwhile holds nothing any more. */
export function filesBelow(directory: string): Written[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).flatMap((where) => {
    try {
      const path = join(directory, where)
      return lstatSync(path).isFile() ? [{ where: where.replaceAll('\\', '/'), bytes: readFileSync(path) }] : []
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  })
}
