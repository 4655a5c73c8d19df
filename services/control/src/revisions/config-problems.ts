import { SluiceError } from '@sluice/errors'
import { type Path, type Problem, pointerOf, sentenceOf } from '../validation/problem.ts'

/** A problem as the admin API tells it. */
export interface ToldProblem {
  /** JSON Pointer (RFC 6901) into what was sent; into the whole configuration when `elsewhere`. */
  readonly pointer: string
  /** The whole sentence: what is wrong, what was expected, the nearest valid name. */
  readonly message: string
  readonly expected?: string
  readonly nearest?: string
  readonly elsewhere?: true
}

/** One error for all problems. `base` is where in the configuration the sent resource stands. */
export function problemsError(problems: readonly Problem[], base: Path = []): SluiceError {
  const [first] = problems
  const codes = new Set(problems.map((problem) => problem.code))
  const code = codes.size === 1 && first !== undefined ? first.code : 'config.invalid'
  const count = problems.length === 1 ? '' : ` (and ${problems.length - 1} more)`
  const detail = first === undefined ? 'The configuration has problems' : `${sentenceOf(first)}${count}`
  return new SluiceError(code, { detail, extra: { problems: problems.map((problem) => tell(problem, base)) } })
}

function tell(problem: Problem, base: Path): ToldProblem {
  const isInside = base.every((part, index) => problem.path[index] === part)
  const { expected, nearest } = problem
  return {
    pointer: pointerOf(isInside ? problem.path.slice(base.length) : problem.path),
    message: sentenceOf(problem),
    ...(expected === undefined ? {} : { expected }),
    ...(nearest === undefined ? {} : { nearest }),
    ...(isInside ? {} : { elsewhere: true as const }),
  }
}
