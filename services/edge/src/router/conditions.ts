import { CidrSet, readParameter, type HeaderFields } from '@sluice/http'
import type { RouteMatch } from '@sluice/proto/config'
import { RE2JS } from 're2js'

/** What the router may look at besides the host. */
export interface RouteQuestion {
  readonly method: string
  /** Normalised. */
  readonly path: string
  /** A CORS preflight is matched by the method it asks for. */
  readonly headers: HeaderFields
  readonly query: string
  readonly clientAddress: string
}

type Test = (question: RouteQuestion) => boolean

/** What a match asks for besides host, path and method, as tests to run in order; a pattern for the path is the last. */
export function compileConditions(match: RouteMatch): readonly Test[] {
  const tests: Test[] = []
  for (const [name, wanted] of Object.entries(match.headers ?? {})) {
    const lower = name.toLowerCase()
    const test = compileValue(wanted)
    tests.push((question) => question.headers.getAll(lower).some(test))
  }
  for (const [name, wanted] of Object.entries(match.query ?? {})) {
    const test = compileValue(wanted)
    tests.push((question) => {
      const value = readParameter(question.query, name)
      return value !== undefined && test(value)
    })
  }
  if (match.addresses !== undefined) {
    const ranges = new CidrSet(match.addresses)
    tests.push((question) => ranges.contains(question.clientAddress))
  }
  if (match.pathRegex !== undefined) {
    const pattern = RE2JS.compile(match.pathRegex)
    tests.push((question) => pattern.matcher(question.path).find())
  }
  return tests
}

/** `*` is any value, `~regex` a pattern in RE2 syntax (linear time, so no pattern can stall a worker). */
function compileValue(wanted: string): (value: string) => boolean {
  if (wanted === '*') return () => true
  if (!wanted.startsWith('~')) return (value) => value === wanted
  const pattern = RE2JS.compile(wanted.slice(1))
  return (value) => pattern.matcher(value).find()
}

export function methodsAdmit(methods: ReadonlySet<string> | undefined, method: string): boolean {
  return methods === undefined || methods.has(method) || (method === 'HEAD' && methods.has('GET'))
}
