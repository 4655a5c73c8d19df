/** What one resource says of another, and names that may stand only once. */
import { type DocumentView, isMap, type Part, parts, type Settings, textOf, textsOf } from './document-view.ts'
import { nearestName } from './nearest-name.ts'
import { oneOf, type Path, type ProblemList, type Warning } from './problem.ts'

export function checkNamesOnce(view: DocumentView, problems: ProblemList): void {
  checkOnce('route', view.routes.map(nameOf), problems)
  checkOnce('group', view.groups.map(nameOf), problems)
  checkOnce('plan', view.plans.map(nameOf), problems)
  checkOnce('self-test', view.selfTests.map(nameOf), problems)
  checkOnce('consumer', view.consumers.map(nameOf), problems)
  checkOnce('certificate', view.certificates.map(nameOf), problems)
  const credentials = view.consumers.flatMap((consumer) => parts(consumer.settings, 'credentials', consumer.path))
  checkOnce('API key', credentials.map(apiKeyId), problems)
  checkOnce('user name', credentials.map(({ path, settings }) => ({ name: textOf(settings['basic'], 'username'), path: [...path, 'basic', 'username'] })), problems)
  checkOnce('token subject', credentials.map(({ path, settings }) => ({ name: textOf(settings, 'jwtSubject'), path: [...path, 'jwtSubject'] })), problems)
}

function nameOf({ path, settings }: Part): { name: string | undefined; path: Path } {
  return { name: textOf(settings, 'name'), path: [...path, 'name'] }
}

function apiKeyId({ path, settings }: Part): { name: string | undefined; path: Path } {
  return { name: textOf(settings['apiKey'], 'id'), path: [...path, 'apiKey', 'id'] }
}

function checkOnce(kind: string, named: readonly { name: string | undefined; path: Path }[], problems: ProblemList): void {
  const seen = new Set<string>()
  for (const { name, path } of named) {
    if (name === undefined) continue
    if (seen.has(name)) problems.add({ path, message: `the ${kind} "${name}" stands twice`, expected: 'a name of its own for each', code: 'config.invalid' })
    seen.add(name)
  }
}

/** Routes lead to upstreams that exist: those of `known`, or of the view when that is the whole. */
export function checkReferences(view: DocumentView, known: readonly string[] | undefined, problems: ProblemList): void {
  const upstreams = new Set(known ?? view.upstreams.map((upstream) => upstream.name))
  for (const { path, settings } of view.routes) {
    checkUpstream(textOf(settings, 'upstream'), [...path, 'upstream'], upstreams, problems)
    checkUpstream(textOf(settings['mirror'], 'upstream'), [...path, 'mirror', 'upstream'], upstreams, problems)
    for (const way of parts(settings, 'split', path)) checkUpstream(textOf(way.settings, 'upstream'), [...way.path, 'upstream'], upstreams, problems)
  }
}

function checkUpstream(name: string | undefined, path: Path, known: ReadonlySet<string>, problems: ProblemList): void {
  if (name === undefined || known.has(name)) return
  problems.add(() => {
    const names = [...known]
    const expected = names.length === 0 ? 'an upstream of that name; none is defined' : oneOf(names)
    return { path, message: `there is no upstream "${name}"`, expected, nearest: nearestName(name, names), code: 'config.reference_missing' }
  })
}

/**
 * Consumers in groups that nobody defines. No problem: such a group has no policies of its own, and `acl` may still go
 * by it. Consumers outlive a configuration that drops their group, so what is exported must stay applicable.
 */
export function undefinedGroups(view: DocumentView): Warning[] {
  const groups = view.groups.flatMap((group) => textOf(group.settings, 'name') ?? [])
  return view.consumers.flatMap(({ path, settings }) =>
    textsOf(settings, 'groups')
      .filter(({ text }) => !groups.includes(text))
      .map(({ index, text }) => {
        const nearest = nearestName(text, groups)
        return { path: [...path, 'groups', index], message: `there is no group "${text}", so it brings no policies${nearest === undefined ? '' : `; did you mean "${nearest}"?`}` }
      }),
  )
}

/** Settings of which exactly one, or at most one, may stand. */
export function checkAlternatives(view: DocumentView, problems: ProblemList): void {
  for (const { name, path, settings } of view.upstreams) {
    const count = present(settings, ['endpoints', 'discovery'])
    if (count !== 1) problems.add({ path, message: `the upstream "${name}" ${count === 0 ? 'has no endpoints' : 'has both "endpoints" and "discovery"'}`, expected: 'either "endpoints" or "discovery"', code: 'config.invalid' })
  }
  for (const { path, settings } of view.routes) {
    const { match, rewrite } = settings
    const paths = ['path', 'pathPrefix', 'pathRegex']
    if (isMap(match) && present(match, paths) > 1) {
      problems.add({ path: [...path, 'match'], message: 'the route matches by several kinds of path', expected: `at most one of ${oneOf(paths).replace(' or ', ' and ')}`, code: 'config.invalid' })
    }
    if (isMap(rewrite) && present(rewrite, ['stripPrefix', 'path']) !== 1) {
      problems.add({ path: [...path, 'rewrite'], message: '"rewrite" does not say one thing', expected: 'either "stripPrefix" or "path"', code: 'config.invalid' })
    }
  }
}

function present(settings: Settings, keys: readonly string[]): number {
  return keys.filter((key) => settings[key] !== undefined).length
}

/** Two doors of one process cannot have the same address. */
export function checkAddresses(input: unknown, problems: ProblemList): void {
  const doors: Path[] = [['listeners', 'http', 'address'], ['listeners', 'https', 'address'], ['admin', 'address'], ['telemetry', 'metrics', 'address']]
  const seen = new Map<string, string>()
  for (const path of doors) {
    const address = path.reduce<unknown>((inner, key) => (isMap(inner) ? inner[String(key)] : undefined), input)
    if (typeof address !== 'string' || address.endsWith(':0')) continue
    const other = seen.get(address)
    if (other !== undefined) problems.add({ path, message: `"${address}" is the address of ${other} already`, expected: 'another address', code: 'config.invalid' })
    seen.set(address, path.slice(0, -1).join('.'))
  }
}
