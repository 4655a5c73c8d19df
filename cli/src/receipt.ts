import { Failure } from './failure.ts'
import { answer, exitCodes, type CommandContext } from './command.ts'

/** What the admin API answers to a write of the configuration. */
export interface Receipt {
  readonly revision: number
  /** The edges that it is tried on before the others. */
  readonly ring?: { readonly edges: readonly string[]; readonly stable: number }
  readonly edges?: {
    readonly acknowledged: number
    readonly expected: number
    readonly missing: readonly string[]
    readonly refused?: readonly { readonly edge: string; readonly code: string; readonly detail: string }[]
  }
  readonly propagationMs?: number
  readonly warnings?: readonly Warning[]
}

/** Something doubtful that is no problem, such as a route that never matches. */
export interface Warning {
  readonly pointer: string
  readonly message: string
}

/** How long a write is waited for: `query` for the admin API, and a little more for its answer. */
export function waitFor(seconds: number | undefined): { query: { wait?: string; timeoutMs?: string }; timeoutMs: number } {
  if (seconds === undefined) return { query: {}, timeoutMs: 30_000 }
  return { query: { wait: 'all', timeoutMs: String(seconds * 1000) }, timeoutMs: seconds * 1000 + 15_000 }
}

/** Says how far a revision has come. Edges that do not run it in time are named, and the exit code is 1. */
export function answerReceipt(context: CommandContext, json: boolean | undefined, receipt: Receipt): void {
  answer(context, json, receipt, describeReceipt)
  if ((receipt.edges?.missing.length ?? 0) > 0) context.finish(exitCodes.problems)
}

function describeReceipt({ revision, ring, edges, propagationMs }: Receipt): string {
  const tried = ring === undefined ? '' : `, tried on ${ring.edges.join(', ')} first; the others run ${ring.stable}`
  if (edges === undefined) return `revision ${revision}${tried}`
  const { acknowledged, expected, missing, refused = [] } = edges
  const effective = `revision ${revision}${tried}: ${acknowledged}/${expected} edges effective`
  if (missing.length > 0) return [`${effective}; missing: ${missing.join(', ')}`, ...refused.map(({ edge, code, detail }) => `${edge} refused it: ${detail} (${code})`)].join('\n')
  return propagationMs === undefined ? effective : `${effective} in ${Math.round(propagationMs)} ms`
}

/** The value of `--wait[=SECONDS]` as commander gives it. */
export function secondsOfWait(wait: boolean | string | undefined): number | undefined {
  if (wait === undefined || wait === false) return undefined
  if (wait === true) return 10
  const seconds = Number(wait)
  if (!/^\d+(\.\d+)?$/.test(wait) || seconds < 0.001 || seconds > 3600) throw new Failure(`--wait=${wait}: expected seconds, at most 3600`)
  return seconds
}
