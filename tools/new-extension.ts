// `npm run new -- policy NAME`: makes the four files of a policy and adds it to the list, at its end. The template
// type-checks, passes its test and `npm run check` as it is.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { policyFiles } from './policy-template.ts'
import { REPOSITORY } from './test-files.ts'

/** Makes the policy under `root` and returns what was written; throws with the reason when that cannot be. */
export function makePolicy(root: string, name: string): string[] {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) throw new Error(`"${name}" is no name for a policy: small letters, digits and single hyphens, such as add-field`)
  const place = join('extensions/policies', name)
  if (existsSync(join(root, place))) throw new Error(`${place} exists`)
  const list = join('extensions/policies', 'index.ts')
  const listed = addToList(readFileSync(join(root, list), 'utf8'), name)
  mkdirSync(join(root, place))
  const files = Object.entries(policyFiles(name)).map(([file, text]) => ({ path: join(place, file), text }))
  for (const { path, text } of [...files, { path: list, text: listed }]) writeFileSync(join(root, path), text)
  return [...files.map(({ path }) => path), list]
}

/** The list with an import among the others, by name, and an entry at the end, though before what answers last. */
function addToList(text: string, name: string): string {
  const variable = name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase())
  const lines = text.split('\n')
  const imports = findLines(lines, /^import \{ schema as \w+ \} from '\.\/([^/]+)\/schema\.ts'/)
  const entries = findLines(lines, /^\s.*load: \(\) => import\('\.\/([^/]+)\/[^']+'\)/)
  const [lastImport, lastEntry] = [imports.at(-1), entries.at(-1)]
  if (!lastImport || !lastEntry) throw new Error('extensions/policies/index.ts has no list with entries of the form: { ...schema, load: () => import(…) }')
  const importAt = imports.find((line) => line.name > name)?.index ?? lastImport.index + 1
  const entryAt = lastEntry.name === 'fixed-response' ? lastEntry.index : lastEntry.index + 1
  const entry = (lines[lastEntry.index] ?? '').replace(/\.\.\.\w+/, `...${variable}`).replace(/'\.\/[^']+'/, `'./${name}/${name}.ts'`)
  return lines
    .toSpliced(entryAt, 0, entry)
    .toSpliced(importAt, 0, `import { schema as ${variable} } from './${name}/schema.ts'`)
    .join('\n')
}

/** Lines that match, each with what the pattern's group holds. */
function findLines(lines: readonly string[], pattern: RegExp): { index: number; name: string }[] {
  return lines.flatMap((line, index) => {
    const match = pattern.exec(line)
    return match ? [{ index, name: match[1] ?? '' }] : []
  })
}

function main([kind, name]: readonly string[]): number {
  if (kind !== 'policy' || name === undefined) {
    console.error('usage: npm run new -- policy NAME\n(of another kind, copy the folder of one that exists, and its line in index.ts)')
    return 1
  }
  try {
    for (const path of makePolicy(REPOSITORY, name)) console.log(path)
  } catch (error) {
    console.error((error as Error).message)
    return 1
  }
  console.log(`\nPolicies run in the order of extensions/policies/index.ts: move the line to its place, and name ${name} in the README beside it.`)
  return writeSettingsTable(name)
}

/** The policy's own test writes the table of settings into its README, and shows that the template is well. */
function writeSettingsTable(name: string): number {
  const test = `extensions/policies/${name}/${name}.test.ts`
  const { status, stdout } = spawnSync(process.execPath, ['--test', test], { cwd: REPOSITORY, env: { ...process.env, UPDATE_DOCS: '1' }, encoding: 'utf8' })
  if (status !== 0) console.error(`${stdout}\n${test} does not pass`)
  return status ?? 1
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2))
