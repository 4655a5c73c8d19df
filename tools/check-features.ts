// docs/features.md against tools/features-ids.txt and against the files and tests that it names.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { tableRows } from './markdown-table.ts'

interface Feature {
  line: number
  id: string
  files: string[]
  /** `path › test name` */
  tests: string[]
  state: string
}

/** One sentence for each thing that is wrong, with the line it stands on. */
export function checkFeatures(root: string): string[] {
  const ids = readFileSync(join(root, 'tools/features-ids.txt'), 'utf8').split('\n').filter((line) => line !== '')
  const features = tableRows(readFileSync(join(root, 'docs/features.md'), 'utf8')).map(readFeature)
  const at = ({ line, id }: Feature) => `docs/features.md:${line}: ${id}`
  return [
    ...checkIds(ids, features),
    ...features.flatMap((feature) => [...checkState(feature), ...checkNamed(root, feature)].map((problem) => `${at(feature)} ${problem}`)),
  ]
}

/** Several files or tests stand in one cell with `<br>` between them; backticks are decoration. */
function readFeature({ line, cells }: { line: number; cells: string[] }): Feature {
  const [id = '', , files = '', tests = '', state = ''] = cells
  return { line, id, files: listOf(files), tests: listOf(tests), state: state.replaceAll('`', '') }
}

function listOf(cell: string): string[] {
  return cell.split(/<br\s*\/?>/).map((item) => item.replaceAll('`', '').trim()).filter((item) => item !== '' && item !== '–' && item !== '-')
}

function checkIds(ids: readonly string[], features: readonly Feature[]): string[] {
  const present = features.map(({ id }) => id)
  return [
    ...ids.filter((id) => !present.includes(id)).map((id) => `docs/features.md: ${id} is missing`),
    ...features.filter(({ id }) => !ids.includes(id)).map(({ line, id }) => `docs/features.md:${line}: ${id} is not in tools/features-ids.txt`),
    ...features.filter(({ id }, index) => present.indexOf(id) !== index).map(({ line, id }) => `docs/features.md:${line}: ${id} stands here a second time`),
  ]
}

function checkState({ state, files, tests }: Feature): string[] {
  if (!/^(works|partial: \S.*|not yet)$/.test(state)) return [`has the state "${state}", not works, "partial: what is missing" or not yet`]
  if (state !== 'works') return []
  return [...(files.length === 0 ? ['works, but names no file that implements it'] : []), ...(tests.length === 0 ? ['works, but names no test that proves it'] : [])]
}

/** Whatever is named has to be there, whichever the state. */
function checkNamed(root: string, { files, tests }: Feature): string[] {
  const absent = files.filter((path) => !existsSync(join(root, path))).map((path) => `names ${path}, which does not exist`)
  return [...absent, ...tests.flatMap((test) => checkTest(root, test))]
}

function checkTest(root: string, test: string): string[] {
  const [path = '', name] = test.split(/ › (.*)/s)
  if (name === undefined) return [`names "${test}", which is not of the form: path › test name`]
  // The cases of e2e/ are run by its test files, in both modes; the rows of the failure matrix by its own.
  if (!/\.(test|contract|long)\.ts$|^e2e\/(cases|failure-matrix\/rows)\/[^/]+\.ts$/.test(path)) return [`names ${path}, which is no test file`]
  if (!existsSync(join(root, path))) return [`names ${path}, which does not exist`]
  // A quote in a name is written with a backslash in the source.
  const text = readFileSync(join(root, path), 'utf8').replaceAll(/\\(['"`])/g, '$1')
  return text.includes(name.replaceAll('`', '')) || text.replaceAll('`', '').includes(name) ? [] : [`names the test "${name}", which ${path} does not have`]
}
