/**
 * Lines of a revision as they lie on a disk or in a store: the values of references sealed, `["secrets/env:A",{"sealed":"…"}]`, all else
 * as it is. What a digest is over are the lines as they were before.
 */
import { lineOf, readLine } from './segments.ts'

/** Whether the line holds the value of a reference. */
export function isSecretLine(line: string): boolean {
  return line.startsWith('["secrets/')
}

export function sealLines(lines: readonly string[], seal: (value: string) => string): string[] {
  return lines.map((line) => {
    if (!isSecretLine(line)) return line
    const { key, value } = readLine(line)
    return typeof value === 'string' ? lineOf(key, { sealed: seal(value) }) : line
  })
}

/** Lines that were never sealed stay as they are. Throws what `unseal` throws. */
export function unsealLines(lines: readonly string[], unseal: (sealed: string) => string): string[] {
  return lines.map((line) => {
    if (!isSecretLine(line)) return line
    const { key, value } = readLine(line)
    return typeof value === 'object' && value !== null ? lineOf(key, unseal(String((value as { sealed?: unknown }).sealed))) : line
  })
}
