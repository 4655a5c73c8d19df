import { HeaderFields } from './header-fields.ts'

/** RFC 9111 §3.2: they speak of the message that a 304 is, or of the stored content, which it does not change. */
const ofTheContent: ReadonlySet<string> = new Set(['content-length', 'content-encoding', 'content-type', 'content-range', 'transfer-encoding'])

/** The fields of a stored response once a 304 has confirmed it: what that says takes the place of what stood there (RFC 9111 §4.3.4). */
export function updatedFields(stored: readonly string[], confirmation: readonly string[]): string[] {
  const news: string[] = []
  const names = new Set<string>()
  for (let at = 0; at < confirmation.length; at += 2) {
    const name = confirmation[at]!.toLowerCase()
    if (ofTheContent.has(name)) continue
    names.add(name)
    news.push(confirmation[at]!, confirmation[at + 1]!)
  }
  const kept = new HeaderFields([...stored])
  for (const name of names) kept.remove(name)
  return [...kept.flat, ...news]
}
