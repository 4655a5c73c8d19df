// Each extension has its four files, its kind lists it, and both have a README.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** One sentence for each thing that is missing. */
export function checkExtensions(root: string): string[] {
  return foldersOf(join(root, 'extensions')).flatMap((kind) => checkKind(root, kind))
}

function checkKind(root: string, kind: string): string[] {
  const place = `extensions/${kind}`
  const names = foldersOf(join(root, place))
  if (names.length === 0) return []
  const list = join(root, place, 'index.ts')
  const listed = existsSync(list) ? readFileSync(list, 'utf8') : ''
  const missing = ['README.md', 'index.ts'].filter((file) => !existsSync(join(root, place, file))).map((file) => `${place}/${file} is missing`)
  return [...missing, ...names.flatMap((name) => checkExtension(root, `${place}/${name}`, name, listed))]
}

function checkExtension(root: string, place: string, name: string, listed: string): string[] {
  const wanted = ['schema.ts', `${name}.ts`, `${name}.test.ts`, 'README.md']
  const problems = wanted.filter((file) => !existsSync(join(root, place, file))).map((file) => `${place}/${file} is missing`)
  const readme = join(root, place, 'README.md')
  if (existsSync(readme) && !/^# \S/m.test(readFileSync(readme, 'utf8'))) problems.push(`${place}/README.md has no heading`)
  if (!listed.includes(`./${name}/${name}.ts`)) problems.push(`${place} is not listed in the index.ts of its kind`)
  return problems
}

function foldersOf(place: string): string[] {
  if (!existsSync(place)) return []
  const entries = readdirSync(place, { withFileTypes: true })
  return entries.filter((entry) => entry.isDirectory() && !['node_modules', 'test'].includes(entry.name)).map(({ name }) => name).sort()
}
