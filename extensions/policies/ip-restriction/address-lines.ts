/** Lists of addresses as files hold them: one a line, comments behind `#` or `;`, as published block lists do. */
import { isCidr } from '@sluice/http'

const shownLength = 60

/** The addresses and ranges of a text. */
export function addressLines(text: string): string[] {
  const found: string[] = []
  for (const line of text.split('\n')) {
    const entry = withoutComment(line)
    if (entry !== '') found.push(entry)
  }
  return found
}

/** The first line that is neither empty nor an address or a range, undefined when there is none. */
export function firstBadLine(text: string): { line: number; text: string } | undefined {
  let number = 0
  for (const line of text.split('\n')) {
    number++
    const entry = withoutComment(line)
    if (entry !== '' && !isCidr(entry)) return { line: number, text: entry.slice(0, shownLength) }
  }
  return undefined
}

function withoutComment(line: string): string {
  const end = line.search(/[#;]/)
  return (end < 0 ? line : line.slice(0, end)).trim()
}
