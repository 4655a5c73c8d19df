/** Reads the corpora of hostile messages: text files of cases, in the notation that `corpora/README.md` explains. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface CorpusCase {
  readonly file: string
  readonly title: string
  readonly remark: string
  /** The method of a response's request [GET]. */
  readonly method: string
  /** What the client sends, or for a response the upstream: a byte a character. */
  readonly bytes: string
  /** What the client sees, line by line. */
  readonly responses: readonly string[]
  /** What the upstream sees. */
  readonly requests: readonly string[]
  /** `+name: value` or `-name`, of the last request that the upstream sees (or the last response the client sees). */
  readonly fields: readonly string[]
  /** Of the client's connection, for a response of the upstream's: kept, closed, waits, reused, new. */
  readonly afterwards: string
  /** What the upstream does behind its bytes: nothing, or end, reset. */
  readonly ending: string
}

interface Draft {
  title: string
  remark: string
  method: string
  bytes: string
  responses: string[]
  requests: string[]
  fields: string[]
  afterwards: string
  ending: string
}

/** All cases of the text files in a folder of `corpora/`. Throws for a line that cannot be read. */
export function readCorpus(folder: string): CorpusCase[] {
  const directory = join(import.meta.dirname, 'corpora', folder)
  return readdirSync(directory).filter((file) => file.endsWith('.txt')).sort().flatMap((file) => readCases(file, readFileSync(join(directory, file), 'utf8')))
}

function readCases(file: string, text: string): CorpusCase[] {
  const cases: CorpusCase[] = []
  let draft: Draft | undefined
  const close = (): void => {
    if (draft !== undefined) cases.push({ file, ...draft })
  }
  for (const [index, line] of text.split('\n').entries()) {
    if (line.startsWith('== ')) {
      close()
      draft = { title: line.slice(3), remark: '', method: 'GET', bytes: '', responses: [], requests: [], fields: [], afterwards: '', ending: '' }
    } else if (draft !== undefined && line !== '' && !readLine(draft, line)) throw new Error(`${file}:${index + 1}: ${line}`)
  }
  close()
  return cases
}

function readLine(draft: Draft, line: string): boolean {
  const rest = line.slice(2)
  switch (line.slice(0, 2).trimEnd()) {
    case ';':
      draft.remark += `${rest} `
      return true
    case '>':
    case '<':
      draft.bytes += lineBytes(rest)
      return true
    case '?':
      draft.method = rest
      return true
    case '=':
      draft.responses.push(rest)
      return true
    case '^':
      draft.requests.push(rest)
      return true
    case '~':
      draft.fields.push(rest)
      return true
    case '.':
      draft.afterwards = rest
      return true
    case '!':
      draft.ending = rest
      return true
    default:
      return false
  }
}

/** A line ends in CR LF unless its last character is a lone backslash. */
function lineBytes(text: string): string {
  const isOpen = /(?:^|[^\\])(?:\\\\)*\\$/.test(text)
  const bytes = (isOpen ? text.slice(0, -1) : text)
    .replace(/\\\{(\d+)\*((?:[^}\\]|\\.)+)\}/g, (_whole, count: string, piece: string) => unescape(piece).repeat(Number(count)))
  return unescape(bytes) + (isOpen ? '' : '\r\n')
}

const escapes: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', 0: '\0', '\\': '\\' }

function unescape(text: string): string {
  return text.replace(/\\(?:x([0-9a-f]{2})|([rnt0\\]))/g, (_whole, hex: string | undefined, letter: string) =>
    hex === undefined ? escapes[letter]! : String.fromCharCode(Number.parseInt(hex, 16)))
}
