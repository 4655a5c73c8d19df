// docs/errors.md carries the codes of the error catalogue: all of them, and no other.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { tableRows } from './markdown-table.ts'

export async function checkErrorsDocs(root: string): Promise<string[]> {
  const url = pathToFileURL(join(root, 'packages/errors/src/catalogue.ts')).href
  const { catalogue } = (await import(url)) as { catalogue: Record<string, unknown> }
  const documented = tableRows(readFileSync(join(root, 'docs/errors.md'), 'utf8')).map(({ cells: [code = ''] }) => code.replaceAll('`', ''))
  const codes = Object.keys(catalogue)
  return [
    ...codes.filter((code) => !documented.includes(code)).map((code) => `docs/errors.md: ${code} is missing`),
    ...documented.filter((code) => !codes.includes(code)).map((code) => `docs/errors.md: ${code} is not in the catalogue`),
  ]
}
