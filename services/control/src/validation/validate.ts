/**
 * Whether a configuration may become a revision: its shape, the settings of each policy, what its parts say of each
 * other, and the values that its references stand for. All problems at once, since each run costs its author a walk.
 */
import { type GatewayConfig, gatewayConfig, type GatewayConfigInput, type RevisionDocumentInput, resourceName, upstream, withReferencesResolved } from '@sluice/proto/config'
import { SecretSources } from '../secret-sources/secret-sources.ts'
import { certificateWarnings, checkCertificates, checkSomethingShown, idleTlsWarnings, unshownWarnings } from './certificate-checks.ts'
import { viewDocument } from './document-view.ts'
import { notBuiltAt } from './not-built-names.ts'
import { checkPolicies, type PolicySchemas } from './policy-checks.ts'
import { type Path, pointerOf, type Problem, ProblemList, type Warning } from './problem.ts'
import { readReferences, type ReferenceParts, type ReferenceValues } from './reference-values.ts'
import { checkAddresses, checkAlternatives, checkNamesOnce, checkReferences, undefinedGroups } from './resource-checks.ts'
import { checkGroupRoutes } from './group-routes.ts'
import { checkPlans } from './plan-checks.ts'
import { checkRoutes, doubtfulSettings } from './route-checks.ts'
import { addShapeProblems, shapeErrorMap } from './shape.ts'
import { shadowedRoutes } from './shadowed-routes.ts'
import { checkSources } from './source-checks.ts'

export interface ValidationParts {
  /** Relative paths start here. */
  readonly baseDirectory: string
  /** Tried after it, for parts of a configuration that came from elsewhere. */
  readonly otherDirectories?: readonly string[]
  /** Where references are looked up when `sources` are left out; what is sealed is passed over then. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  readonly sources?: SecretSources | undefined
  /** Values of references from before: they stay when what they stand for cannot be read now. */
  readonly lastValues?: Readonly<Record<string, string>> | undefined
  /** They stay only where a store of secrets cannot be asked; what it does not have is a problem. */
  readonly keepsOnlyAway?: boolean | undefined
  readonly readFile?: ReferenceParts['readFile']
  /** Names of all upstreams, when only those that matter stand in a part of a configuration. */
  readonly upstreams?: readonly string[] | undefined
}

export type ConsumerInput = NonNullable<GatewayConfigInput['consumers']>[number]

export interface Validation {
  readonly problems: readonly Problem[]
  readonly warnings: readonly Warning[]
  /** As it was written; undefined when there are problems, as are the next two. */
  readonly document: GatewayConfigInput | undefined
  /** What an edge is given: references kept, their values in `secrets`. */
  readonly revision: RevisionDocumentInput | undefined
  readonly consumers: readonly ConsumerInput[] | undefined
}

/** Checks a configuration as it was read from a file or sent to the admin API. Never rejects for bad input. */
export async function checkConfig(input: unknown, policies: PolicySchemas, parts: ValidationParts): Promise<Validation> {
  try {
    return await check(input, policies, parts)
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return refused([{ path: [], message: 'the configuration is nested too deeply', code: 'config.invalid' }])
  }
}

async function check(input: unknown, policies: PolicySchemas, parts: ValidationParts): Promise<Validation> {
  const { baseDirectory, otherDirectories = [], environment = {}, lastValues, keepsOnlyAway, readFile, upstreams } = parts
  const sources = parts.sources ?? new SecretSources({ environment, sealing: 'elsewhere' })
  const references = await readReferences(input, { sources, directories: [baseDirectory, ...otherDirectories], lastValues, keepsOnlyAway, readFile })
  const resolved = references.found.length === 0 ? input : withReferencesResolved(input, references.values)
  const problems = new ProblemList()
  for (const problem of [...references.problems, ...keySetProblems(references)]) problems.add(problem)
  const unread = new Set([...references.problems, ...references.elsewhere].map(({ path }) => pointerOf(path)))
  // Certificates that a configuration does not name stay those of the gateway that it is for.
  const isOffline = parts.sources === undefined && (input as { certificates?: unknown } | null)?.certificates === undefined
  const config = addProblems({ input, resolved, policies, unread, problems, upstreams, isOffline })
  const found = withoutValues(problems.all(), references.values)
  if (config === undefined || found.length > 0) return refused(found)
  const document = input as GatewayConfigInput
  const warnings = [...doubtfulSettings(viewDocument(resolved), resolved), ...undefinedGroups(viewDocument(resolved)), ...shadowedRoutes(config.routes), ...idleTlsWarnings(resolved), ...(isOffline ? unshownWarnings(resolved) : []), ...certificateWarnings({ input, resolved, unread }, Date.now()), ...keptWarnings(references)]
  return { problems: [], warnings, document, revision: revisionOf(document, references), consumers: document.consumers ?? [] }
}

/** A policy takes the text in `jwksFile` for a path until it looks like a key set. */
function keySetProblems({ found, values }: ReferenceValues): Problem[] {
  const files = found.filter(({ path }) => path.at(-1) === 'jwksFile')
  const wrong = files.filter(({ reference }) => values[reference]?.trimStart().startsWith('{') === false)
  return wrong.map(({ reference, path }) => ({ path, message: `the file "${reference.slice('file:'.length)}" is no key set`, expected: 'a JSON object with a list "keys"', code: 'config.invalid' }))
}

interface Checked {
  readonly input: unknown
  /** With the references' values in place. */
  readonly resolved: unknown
  readonly policies: PolicySchemas
  /** Where references stand that could not be read: nothing more is said of those. */
  readonly unread: ReadonlySet<string>
  readonly problems: ProblemList
  readonly upstreams: readonly string[] | undefined
  /** Nobody knows here what the gateway has by its admin API. */
  readonly isOffline: boolean
}

/** Answers the configuration with its defaults, when its shape is right. */
function addProblems({ input, resolved, policies, unread, problems, upstreams, isOffline }: Checked): GatewayConfig | undefined {
  const parsed = gatewayConfig.safeParse(resolved, shapeErrorMap)
  const issues = parsed.error?.issues.filter((issue) => isNotSaidElsewhere(issue) && !unread.has(pointerOf(issue.path as Path))) ?? []
  addShapeProblems(issues, { schema: gatewayConfig, base: [], written: input, notBuilt: notBuiltAt, problems })
  addMisnamedUpstreams(input, resolved, problems)
  const view = viewDocument(resolved)
  checkAlternatives(view, problems)
  checkPolicies(view, input, resolved, { policies, unread, notBuilt: notBuiltAt, problems })
  checkSources(view, viewDocument(input), { unread, notBuilt: notBuiltAt, problems })
  checkNamesOnce(view, problems)
  checkReferences(view, upstreams, problems)
  checkPlans(view, problems)
  checkGroupRoutes(view, resolved, policies, problems)
  checkRoutes(view, resolved, policies, problems)
  checkAddresses(resolved, problems)
  checkCertificates({ input, resolved, unread }, problems)
  if (!isOffline) checkSomethingShown(resolved, problems)
  return parsed.data
}

/** Zod leaves its refinements out where a type is wrong beside them: the checks below always look. */
function isNotSaidElsewhere(issue: { code?: string; path: readonly PropertyKey[] }): boolean {
  if (issue.code !== 'custom') return true
  if (issue.path.at(-2) === 'policies') return false
  const [kind, , part, ...rest] = issue.path
  if (kind === 'upstreams') return part !== undefined
  return !(kind === 'routes' && ((part === 'match' && (rest.length === 0 || rest[0] === 'path')) || (part === 'rewrite' && rest.length === 0)))
}

/** What zod does not look at: the settings of an upstream whose name is wrong. */
function addMisnamedUpstreams(input: unknown, resolved: unknown, problems: ProblemList): void {
  for (const { name, path, settings } of viewDocument(resolved).upstreams) {
    if (resourceName.safeParse(name).success) continue
    const parsed = upstream.safeParse(settings, shapeErrorMap)
    const written = viewDocument(input).upstreams.find((one) => one.name === name)?.settings
    if (!parsed.success) addShapeProblems(parsed.error.issues, { schema: upstream, base: path, written, notBuilt: notBuiltAt, problems })
  }
}

function keptWarnings({ found, kept }: ReferenceValues): Warning[] {
  return kept.map((reference) => ({
    path: found.find((one) => one.reference === reference)?.path ?? [],
    message: `"${reference}" cannot be read now; the value from before stays`,
  }))
}

/** The parts of a configuration that are a revision; `admin`, `telemetry.metrics` and consumers are not. */
function revisionOf(document: GatewayConfigInput, { found, values }: ReferenceValues): RevisionDocumentInput {
  const { listeners, trustedProxies, upstreams, routes, policies, groups, plans, certificates, guardrails, rollout, selfTests, telemetry } = document
  const parts = { listeners, trustedProxies, upstreams, routes, policies, groups, plans, certificates, guardrails, rollout, selfTests }
  const present = Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined))
  const revision: RevisionDocumentInput = { version: 1, ...present, ...(telemetry?.accessLog && { telemetry: { accessLog: telemetry.accessLog } }) }
  const used = found.filter(({ path: [part, inner] }) => Object.hasOwn(parts, part!) || inner === 'accessLog').map((one) => one.reference)
  return used.length === 0 ? revision : { ...revision, secrets: Object.fromEntries(used.map((reference) => [reference, values[reference] ?? ''])) }
}

/** A sentence of a policy's schema may quote a value that came from a reference: it shows the reference instead. */
function withoutValues(problems: readonly Problem[], values: Readonly<Record<string, string>>): Problem[] {
  const secrets = Object.entries(values).filter(([, value]) => value.length >= 4)
  return problems.map((problem) => {
    const message = secrets.reduce((text, [reference, value]) => text.replaceAll(value, reference), problem.message)
    return message === problem.message ? problem : { ...problem, message }
  })
}

function refused(problems: readonly Problem[]): Validation {
  return { problems, warnings: [], document: undefined, revision: undefined, consumers: undefined }
}
