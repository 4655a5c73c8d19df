// `npm run docs`: writes the pages that are made from the code, so that they say what it does. With `--check` it writes
// nothing, names the pages that are out of date and ends with 1.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { configReferencePage } from './docs/config-reference-page.ts'
import { errorsPage } from './docs/errors-page.ts'
import { importGraphPage } from './docs/import-graph-page.ts'
import { policiesPage } from './docs/policies-page.ts'
import { REPOSITORY } from './test-files.ts'

interface Page {
  /** From the repository's root. */
  readonly path: string
  readonly make: () => string
}

export const pages: readonly Page[] = [
  { path: 'docs/errors.md', make: errorsPage },
  { path: 'docs/policies.md', make: () => policiesPage(REPOSITORY) },
  { path: 'docs/config-reference.md', make: configReferencePage },
  { path: 'docs/import-graph.md', make: () => importGraphPage(REPOSITORY) },
]

/** The pages under `root` that are not what the code makes of them. */
export function stalePages(root: string, made: readonly Page[] = pages): Page[] {
  return made.filter(({ path, make }) => textOf(join(root, path)) !== make())
}

/** Undefined: there is no such file. */
function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function main(isCheck: boolean): void {
  for (const { path, make } of stalePages(REPOSITORY)) {
    if (isCheck) {
      console.log(`${path} is not what the code says any more; npm run docs writes it`)
      process.exitCode = 1
    } else {
      writeFileSync(join(REPOSITORY, path), make())
      console.log(`${path} written`)
    }
  }
}

if (import.meta.main) main(process.argv.includes('--check'))
