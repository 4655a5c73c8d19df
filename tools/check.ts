// `npm run check`: everything that can be said about the code without running it. Each check prints a line with
// its time as it ends; what failed is told at the end, so that one run shows all of it.
// `npm run check -- PATH ...` tells only the lines on those paths.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { checkErrorsDocs } from './check-errors-docs.ts'
import { checkExtensions } from './check-extensions.ts'
import { checkFeatures } from './check-features.ts'
import { REPOSITORY } from './test-files.ts'

interface Check {
  name: string
  /** Files or folders without which there is nothing to check yet. */
  needs?: readonly string[]
  /** All that is wrong, as text to print; nothing when all is well. */
  run: () => Promise<string>
}

const FILTERS = process.argv.slice(2)
const SOURCES = ['proto', 'packages', 'extensions', 'services', 'cli', 'console', 'examples', 'e2e', 'infra', 'loadtest', 'tools']
const BUF = 'node_modules/@bufbuild/buf/bin/buf'

// The slow ones first: with few cores they decide how long it takes.
const CHECKS: readonly Check[] = [
  { name: 'promises', run: () => runNode(['tools/check-promises.ts']) },
  { name: 'import rules', run: checkImports },
  { name: 'dead code', run: () => runNode(['node_modules/knip/bin/knip.js', '--no-progress', '--no-config-hints']) },
  { name: 'types', run: () => runNode(['node_modules/typescript-7/bin/tsc', '-p', 'tsconfig.json']) },
  { name: 'types of the console', run: () => runNode(['node_modules/typescript-7/bin/tsc', '-p', 'console/tsconfig.json']) },
  { name: 'lint', run: () => runNode(['node_modules/oxlint/bin/oxlint', '--quiet', ...(FILTERS.length > 0 ? ['--format=unix'] : [])]) },
  { name: 'message lint', needs: ['proto/buf.yaml'], run: () => runNode([BUF, 'lint', 'proto']) },
  { name: 'message compatibility', needs: ['proto/baseline.binpb'], run: () => runNode([BUF, 'breaking', 'proto', '--against', 'proto/baseline.binpb']) },
  { name: 'extensions', run: async () => checkExtensions(REPOSITORY).join('\n') },
  { name: 'features', needs: ['docs/features.md'], run: async () => checkFeatures(REPOSITORY).join('\n') },
  { name: 'generated docs', run: () => runNode(['tools/docs.ts', '--check']) },
  { name: 'error codes', needs: ['docs/errors.md', 'packages/errors/src/catalogue.ts'], run: async () => (await checkErrorsDocs(REPOSITORY)).join('\n') },
]

/** dependency-cruiser finds nothing wrong with nothing at all: an empty cruise is a failure. */
async function checkImports(): Promise<string> {
  const folders = SOURCES.filter((folder) => existsSync(join(REPOSITORY, folder)))
  const args = ['node_modules/dependency-cruiser/bin/dependency-cruiser.mjs', '--config', '.dependency-cruiser.cjs', '--output-type', 'err-long', ...folders]
  const { code, output } = await execute(args)
  if (code !== 0) return output || `exit code ${code}`
  const modules = Number(/(\d+) modules/.exec(output)?.[1] ?? 0)
  return modules > 0 ? '' : `no module was looked at:\n${output}`
}

async function runNode(args: readonly string[]): Promise<string> {
  const { code, output } = await execute(args)
  return code === 0 ? '' : output || `exit code ${code}`
}

function execute(args: readonly string[]): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, args, { cwd: REPOSITORY, stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NO_COLOR: '1' } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, output: output.trim() }))
  })
}

/** As many at a time as there are cores. */
async function runAll(checks: readonly Check[]): Promise<{ name: string; problems: string }[]> {
  const waiting = [...checks]
  const failures: { name: string; problems: string }[] = []
  const work = async () => {
    for (let check = waiting.shift(); check !== undefined; check = waiting.shift()) {
      const problems = await runOne(check)
      if (problems !== '') failures.push({ name: check.name, problems })
    }
  }
  await Promise.all(Array.from({ length: Math.max(2, availableParallelism()) }, work))
  return failures
}

async function runOne({ name, needs = [], run }: Check): Promise<string> {
  const absent = needs.find((path) => !existsSync(join(REPOSITORY, path)))
  if (absent !== undefined) {
    console.log(`  –          ${name}: nothing to check, there is no ${absent}`)
    return ''
  }
  const start = performance.now()
  const problems = await run().then(onFilteredPaths, (error: unknown) => String(error))
  console.log(`  ${problems === '' ? '✓' : '✗'} ${((performance.now() - start) / 1000).toFixed(1).padStart(6)} s  ${name}`)
  return problems
}

function onFilteredPaths(problems: string): string {
  if (FILTERS.length === 0) return problems
  const lines = problems.split('\n')
  return lines.filter((line) => FILTERS.some((filter) => line.includes(filter))).join('\n')
}

const start = performance.now()
const failures = await runAll(CHECKS)
for (const { name, problems } of failures) console.log(`\n✗ ${name}\n${problems}`)
const seconds = ((performance.now() - start) / 1000).toFixed(1)
console.log(failures.length === 0 ? `\nall checks passed in ${seconds} s` : `\n${failures.length} of ${CHECKS.length} checks failed in ${seconds} s: ${failures.map(({ name }) => name).join(', ')}`)
process.exitCode = failures.length === 0 ? 0 : 1
