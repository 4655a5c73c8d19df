/** Rules that a configuration has to keep (`guardrails`): which resources break them, and for how long they may. */
import { guardrail, type Guardrail } from '@sluice/proto/config'
import { listResources, type Resource, type ResourceKind, type WrittenDocument } from '../revisions/resources.ts'
import type { Path, Problem, Warning } from '../validation/problem.ts'
import { covers, hostName } from './host-patterns.ts'
import { breachOf } from './requirements.ts'

export interface GuardrailFindings {
  readonly problems: readonly Problem[]
  readonly warnings: readonly Warning[]
}

/** A waiver that ends within this time is told. */
const soonMs = 14 * 24 * 3_600_000
const kindsOf: Readonly<Record<Guardrail['require'], readonly ResourceKind[]>> = {
  authentication: ['routes'], policies: ['routes'], 'no-policies': ['routes'], hosts: ['routes'], 'encrypted-upstreams': ['upstreams'],
  owner: ['routes', 'upstreams'], labels: ['routes', 'upstreams'],
}

/**
 * What of a document that is good otherwise breaks its guardrails; looks only at `only` (such as `routes/get-user`) when it is
 * given. Paths lead into the document. What `isLenient` lets pass is told all the same.
 */
export function checkGuardrails(document: WrittenDocument, { nowMs, only, isLenient = false }: { nowMs: number; only?: ReadonlySet<string> | undefined; isLenient?: boolean }): GuardrailFindings {
  const problems: Problem[] = []
  const warnings: Warning[] = []
  for (const written of document.guardrails ?? []) {
    const rule = guardrail.parse(written)
    for (const { path, message } of findingsOf(rule, document, nowMs, only, warnings)) {
      if (rule.severity === 'error' && !isLenient) problems.push({ path, message, expected: 'the rule kept, or a waiver in it', code: 'config.guardrail' })
      else warnings.push({ path, message })
    }
  }
  return { problems, warnings }
}

function* findingsOf(rule: Guardrail, document: WrittenDocument, nowMs: number, only: ReadonlySet<string> | undefined, warnings: Warning[]): Generator<Warning> {
  const waivers = new Map(rule.waivers.map((waiver) => [waiver.resource, waiver]))
  for (const kind of rule.of ?? kindsOf[rule.require]) {
    for (const [index, resource] of listResources(document, kind).entries()) {
      const called = `${kind}/${resource.name}`
      if ((only !== undefined && !only.has(called)) || !isMeant(rule, kind, resource)) continue
      const breach = breachOf(rule, resource, document)
      if (breach === undefined) continue
      const path: Path = kind === 'upstreams' ? [kind, resource.name] : [kind, index]
      const waiver = waivers.get(called)
      const endsAt = waiver === undefined ? -Infinity : Date.parse(waiver.expires)
      if (endsAt <= nowMs) yield { path, message: `${called} breaks the guardrail "${rule.name}": ${breach}${waiver === undefined ? '' : `; its waiver ended at ${waiver.expires}`}` }
      else if (endsAt - nowMs < soonMs) warnings.push({ path, message: `the waiver of ${called} from the guardrail "${rule.name}" ends at ${waiver!.expires}` })
    }
  }
}

function isMeant({ where }: Guardrail, kind: ResourceKind, resource: Resource): boolean {
  const { labels = {}, hosts } = where ?? {}
  const own = (resource['labels'] ?? {}) as Readonly<Record<string, string>>
  if (!Object.entries(labels).every(([name, value]) => own[name] === value)) return false
  if (hosts === undefined) return true
  const match = resource['match'] as { hosts?: readonly string[] } | undefined
  return kind === 'routes' && (match?.hosts === undefined || match.hosts.some((host) => hosts.some((pattern) => overlaps(pattern, host))))
}

/** Whether a request may be for both: a pattern and what a route says, with or without a port. */
function overlaps(pattern: string, host: string): boolean {
  const name = hostName(host)
  return covers(pattern, name) || covers(name, pattern)
}
