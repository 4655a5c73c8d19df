/** What a plan says of routes, and a consumer of plans. */
import { type DocumentView, textOf, textsOf } from './document-view.ts'
import { nearestName } from './nearest-name.ts'
import { oneOf, type Path, type ProblemList } from './problem.ts'

/**
 * Plans name routes that exist, consumers plans that exist. Unlike a group, which `acl` may go by all the same, a plan that
 * nobody defines would let its subscriber use everything without a limit.
 */
export function checkPlans(view: DocumentView, problems: ProblemList): void {
  const routes = new Set(view.routes.flatMap(({ settings }) => textOf(settings, 'name') ?? []))
  for (const { path, settings } of view.plans) {
    for (const { index, text } of textsOf(settings, 'routes')) checkName('route', text, [...path, 'routes', index], routes, problems)
  }
  const plans = new Set(view.plans.flatMap(({ settings }) => textOf(settings, 'name') ?? []))
  for (const { path, settings } of view.consumers) checkName('plan', textOf(settings, 'plan'), [...path, 'plan'], plans, problems)
}

function checkName(kind: 'route' | 'plan', name: string | undefined, path: Path, known: ReadonlySet<string>, problems: ProblemList): void {
  if (name === undefined || known.has(name)) return
  problems.add(() => {
    const names = [...known]
    const expected = names.length === 0 ? `a ${kind} of that name; none is defined` : oneOf(names)
    return { path, message: `there is no ${kind} "${name}"`, expected, nearest: nearestName(name, names), code: 'config.reference_missing' }
  })
}
