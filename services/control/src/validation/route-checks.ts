/** What a route's shape cannot say: patterns that compile, rewrites that fit the path, somebody who answers. */
import { pathTemplateProblem } from '@sluice/proto/config'
import { RE2JS } from 're2js'
import { type DocumentView, isMap, type Part, type Settings, textOf } from './document-view.ts'
import { nearestName } from './nearest-name.ts'
import type { PolicySchemas } from './policy-checks.ts'
import { oneOf, type Path, type ProblemList, type Warning } from './problem.ts'

export function checkRoutes(view: DocumentView, resolved: unknown, policies: PolicySchemas, problems: ProblemList): void {
  const global = isMap(resolved) ? resolved['policies'] : undefined
  for (const route of view.routes) {
    checkPath(route, problems)
    checkPatterns(route, problems)
    checkRewrite(route, problems)
    checkAnswers(route, global, policies, problems)
  }
}

function checkPath({ path, settings }: Part, problems: ProblemList): void {
  const template = textOf(settings['match'], 'path')
  const fault = template === undefined ? undefined : pathTemplateProblem(template)
  if (fault !== undefined) problems.add({ path: [...path, 'match', 'path'], message: `"path" is ${JSON.stringify(template)}: ${fault}`, code: 'config.invalid' })
}

function checkPatterns({ path, settings }: Part, problems: ProblemList): void {
  const match = settings['match']
  if (!isMap(match)) return
  checkPattern(textOf(match, 'pathRegex'), [...path, 'match', 'pathRegex'], problems)
  for (const key of ['headers', 'query']) {
    const conditions = match[key]
    if (!isMap(conditions)) continue
    for (const [name, condition] of Object.entries(conditions)) {
      if (typeof condition === 'string' && condition.startsWith('~')) checkPattern(condition.slice(1), [...path, 'match', key, name], problems)
    }
  }
}

function checkPattern(pattern: string | undefined, path: Path, problems: ProblemList): void {
  if (pattern === undefined) return
  try {
    RE2JS.compile(pattern)
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).replace(/^error parsing regexp: /, '')
    problems.add({ path, message: `the pattern ${JSON.stringify(pattern)} cannot be used: ${reason}`, expected: 'RE2 syntax (no look-around, no back references)', code: 'config.invalid' })
  }
}

function checkRewrite({ path, settings }: Part, problems: ProblemList): void {
  const rewritten = textOf(settings['rewrite'], 'path')
  if (rewritten === undefined) return
  const known = parametersOf(textOf(settings['match'], 'path') ?? '')
  for (const name of new Set(parametersOf(rewritten))) {
    if (known.includes(name)) continue
    const expected = known.length === 0 ? 'no parameter, since the route\'s path has none' : oneOf(known)
    const nearest = nearestName(name, known)
    problems.add({ path: [...path, 'rewrite', 'path'], message: `the route's path has no parameter "${name}"`, expected, nearest, code: 'config.reference_missing' })
  }
}

function parametersOf(template: string): string[] {
  return [...template.matchAll(/\{([A-Za-z_][A-Za-z0-9_]*)\*?\}/g)].map((match) => match[1]!)
}

/** A route without an upstream needs a policy that answers, its own or one for every route. */
function checkAnswers({ path, settings }: Part, global: unknown, policies: PolicySchemas, problems: ProblemList): void {
  if (settings['upstream'] !== undefined || settings['split'] !== undefined) return
  const own = switches(settings['policies'])
  const effective = new Map([...switches(global), ...own])
  const answers = [...effective].some(([type, isOn]) => isOn && policies.get(type)?.answers === true)
  if (answers) return
  const answering = [...policies.values()].filter((schema) => schema.answers === true).map((schema) => schema.name)
  const name = textOf(settings, 'name')
  problems.add({ path, message: `the route${name === undefined ? '' : ` "${name}"`} leads nowhere`, expected: `an "upstream", a "split", or a policy that answers: ${oneOf(answering)}`, code: 'config.invalid' })
}

function switches(list: unknown): Map<string, boolean> {
  const entries = Array.isArray(list) ? list.filter(isMap) : []
  return new Map(entries.flatMap((entry: Settings) => Object.entries(entry).map(([type, settings]) => [type, settings !== false && !isInShadow(settings)] as const)))
}

function isInShadow(settings: unknown): boolean {
  return isMap(settings) && settings['shadow'] === true
}

/** Settings that are allowed and can hardly be meant. */
export function doubtfulSettings(view: DocumentView, resolved: unknown): Warning[] {
  return [...view.routes.flatMap(uselessPrefix), ...view.upstreams.flatMap(noWeight), ...noListener(resolved)]
}

function uselessPrefix({ path, settings }: Part): Warning[] {
  const prefix = textOf(settings['rewrite'], 'stripPrefix')
  const matched = textOf(settings['match'], 'pathPrefix') ?? textOf(settings['match'], 'path')?.replace(/\{.*$/, '')
  if (prefix === undefined || matched === undefined || matched.startsWith(prefix) || prefix.startsWith(matched)) return []
  return [{ path: [...path, 'rewrite', 'stripPrefix'], message: `no path that this route matches begins with "${prefix}"` }]
}

function noWeight({ path, settings, name }: Part & { name: string }): Warning[] {
  const endpoints = settings['endpoints']
  const isIdle = Array.isArray(endpoints) && endpoints.length > 0 && endpoints.every((endpoint) => isMap(endpoint) && endpoint['weight'] === 0)
  return isIdle ? [{ path: [...path, 'endpoints'], message: `no endpoint of "${name}" takes traffic: each has weight 0` }] : []
}

function noListener(resolved: unknown): Warning[] {
  const listeners = isMap(resolved) ? resolved['listeners'] : undefined
  if (!isMap(listeners) || listeners['http'] !== false || isMap(listeners['https'])) return []
  return [{ path: ['listeners', 'http'], message: 'nothing listens for clients' }]
}
