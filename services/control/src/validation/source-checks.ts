/** Where endpoints are said to come from: a source that there is, with the settings that its own schema takes. */
import { discoverySources } from '@sluice/discovery-sources'
import { notBuiltSources } from '@sluice/proto/config'
import { type DocumentView, isMap, textOf } from './document-view.ts'
import { nearestName } from './nearest-name.ts'
import { oneOf, type Path, pointerOf, type ProblemList } from './problem.ts'
import { addShapeProblems, shapeErrorMap } from './shape.ts'

interface SourceParts {
  /** Pointers to references that could not be read, which is a problem already. */
  readonly unread: ReadonlySet<string>
  readonly notBuilt: (path: Path) => readonly string[]
  readonly problems: ProblemList
}

/** `static` is what `endpoints` is, and stands nowhere. */
const sources = new Map(discoverySources.filter(({ name }) => name !== 'static').map((entry) => [entry.name, entry]))

/** `written` shows in sentences, `view` holds what is checked, references replaced by their values. */
export function checkSources(view: DocumentView, written: DocumentView, parts: SourceParts): void {
  for (const { name, path, settings } of view.upstreams) {
    const discovery = settings['discovery']
    const source = textOf(discovery, 'source')
    if (!isMap(discovery) || source === undefined) continue
    const entry = sources.get(source)
    if (entry === undefined) {
      addUnknownSource(source, [...path, 'discovery', 'source'], parts.problems)
      continue
    }
    const base = [...path, 'discovery']
    const { error } = entry.settings.safeParse(discovery, shapeErrorMap)
    const issues = error?.issues.filter((issue) => !parts.unread.has(pointerOf([...base, ...(issue.path as Path)]))) ?? []
    const asWritten = written.upstreams.find((upstream) => upstream.name === name)?.settings['discovery']
    addShapeProblems(issues, { schema: entry.settings, base, written: asWritten, notBuilt: parts.notBuilt, problems: parts.problems })
  }
}

function addUnknownSource(source: string, path: Path, problems: ProblemList): void {
  const expected = oneOf([...sources.keys()])
  if (notBuiltSources.includes(source)) problems.add({ path, message: `"source" is "${source}", which is not built yet`, expected, code: 'config.not_built' })
  else problems.add({ path, message: `"source" is ${JSON.stringify(source)}`, expected, nearest: nearestName(source, [...sources.keys(), ...notBuiltSources]), code: 'config.invalid' })
}
