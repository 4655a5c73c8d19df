/** What a plan says of routes, and a consumer of plans. */
import { type DocumentView, type Part, textOf, textsOf } from './document-view.ts'
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
    checkCurrency({ path, settings }, problems)
  }
  const plans = new Set(view.plans.flatMap(({ settings }) => textOf(settings, 'name') ?? []))
  for (const { path, settings } of view.consumers) checkName('plan', textOf(settings, 'plan'), [...path, 'plan'], plans, problems)
}

/** Not the schema's: an edge whose list is older would refuse what control has taken. */
const currencies: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'))

function checkCurrency({ path, settings }: Part, problems: ProblemList): void {
  const code = textOf(settings['price'], 'currency')
  // What is no code at all is told of the shape.
  if (code === undefined || currencies.has(code) || !/^[A-Z]{3}$/.test(code)) return
  problems.add({ path: [...path, 'price', 'currency'], message: `there is no currency "${code}"`, expected: 'one of ISO 4217, such as "EUR"', code: 'config.invalid' })
}

function checkName(kind: 'route' | 'plan', name: string | undefined, path: Path, known: ReadonlySet<string>, problems: ProblemList): void {
  if (name === undefined || known.has(name)) return
  problems.add(() => {
    const names = [...known]
    const expected = names.length === 0 ? `a ${kind} of that name; none is defined` : oneOf(names)
    return { path, message: `there is no ${kind} "${name}"`, expected, nearest: nearestName(name, names), code: 'config.reference_missing' }
  })
}
