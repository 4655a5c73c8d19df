// `npm run new -- policy NAME`: makes the four files of a policy and adds it to the list, at its end. The template
// type-checks, passes its test and `npm run check` as it is.
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

/** The list with one import after the last one, and one entry before the end of the array. */
function addToList(text: string, name: string): string {
  const variable = name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase())
  const lines = text.split('\n')
  const lastImport = lines.findLastIndex((line) => /^import \{ schema as \w+ \} from '\.\/[^']+\/schema\.ts'/.test(line))
  const lastEntry = lines.findLastIndex((line) => /load: \(\) => import\('\.\/[^']+'\)/.test(line))
  if (lastImport === -1 || lastEntry === -1) throw new Error('extensions/policies/index.ts has no list of the form: { ...schema, load: () => import(…) }')
  const entry = `  { ...${variable}, load: () => import('./${name}/${name}.ts') },`
  return lines
    .toSpliced(lastEntry + 1, 0, entry)
    .toSpliced(lastImport + 1, 0, `import { schema as ${variable} } from './${name}/schema.ts'`)
    .join('\n')
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
  return 0
}

if (import.meta.main) process.exitCode = main(process.argv.slice(2))
