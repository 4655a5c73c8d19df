/**
 * From a revision's document to what the hot path runs on: parsed, references resolved, policies compiled, routes in
 * their tables. Pure work on the document, done aside; nothing of it is in force before the caller adopts it.
 */
import { CidrSet } from '@sluice/http'
import { revisionDocument, withReferencesResolved, type Route, type RevisionDocument } from '@sluice/proto/config'
import { standingPolicies } from '@sluice/policies'
import type { PolicyParts } from '@sluice/policies/policy'
import type { UpstreamRegistry } from './balancer/upstream-registry.ts'
import type { CompiledRoute, CompiledSnapshot } from './compiled-snapshot.ts'
import { compileChain, type LoadedPolicies, type PolicyLevel } from './policy-chain/compile-chain.ts'
import { seesRequestBody } from './policy-chain/policy-chain.ts'
import { compileRewrite } from './router/rewrite.ts'
import { Router } from './router/router.ts'

export interface CompileParts {
  readonly policies: LoadedPolicies
  readonly upstreams: UpstreamRegistry
  readonly policyParts: Omit<PolicyParts, 'place' | 'compile'>
}

/** Why a document cannot be run, with the place in it. */
export class SnapshotRefused extends Error {
  /** JSON Pointer. */
  readonly pointer: string

  constructor(message: string, pointer: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'SnapshotRefused'
    this.pointer = pointer
  }
}

/** Reads a document's bytes. Throws `SnapshotRefused`. */
export function parseDocument(bytes: Uint8Array): RevisionDocument {
  let input: unknown
  try {
    input = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
  } catch (error) {
    throw new SnapshotRefused('the document is no JSON', '', error)
  }
  const secrets = (input as { secrets?: Record<string, string> }).secrets ?? {}
  const parsed = revisionDocument.safeParse(withReferencesResolved(input, secrets))
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  throw new SnapshotRefused(issue.message, `/${issue.path.map(String).join('/')}`, parsed.error)
}

/** Compiles a parsed document. Throws `SnapshotRefused` naming the first resource that cannot be compiled. */
export function compileSnapshot(version: { revision: number; digest: string }, document: RevisionDocument, parts: CompileParts): CompiledSnapshot {
  const states = parts.upstreams.prepare(document.upstreams)
  const groups = new Map(document.groups.map((group) => [group.name, { level: `group:${group.name}`, entries: group.policies }]))
  const context: RouteContext = { document, states, parts, groupLevels: groups }
  const routes = document.routes.map((route, index) => compileRoute(route, index, context))
  return {
    ...version,
    router: new Router(routes),
    upstreams: states,
    upstreamSettings: new Map(Object.entries(document.upstreams)),
    trustedProxies: new CidrSet(document.trustedProxies),
    listeners: document.listeners,
    strictTransport: strictTransportOf(document.listeners),
  }
}

/** The value of Strict-Transport-Security (RFC 6797 §6.1). */
function strictTransportOf({ https }: RevisionDocument['listeners']): string | undefined {
  return https === undefined || https === false || https.hstsSeconds === undefined ? undefined : `max-age=${https.hstsSeconds}`
}

interface RouteContext {
  readonly document: RevisionDocument
  readonly states: CompiledSnapshot['upstreams']
  readonly parts: CompileParts
  readonly groupLevels: ReadonlyMap<string, PolicyLevel>
}

/** What stands on every route unless a level says otherwise or switches it off. */
const alwaysOn: PolicyLevel = { level: 'default', entries: standingPolicies }

function compileRoute(route: Route, index: number, context: RouteContext): CompiledRoute {
  const { document, states, parts } = context
  try {
    const levels: PolicyLevel[] = [{ level: `route:${route.name}`, entries: route.policies }]
    const settings = route.upstream === undefined ? undefined : document.upstreams[route.upstream]
    if (route.upstream !== undefined && settings === undefined) throw new Error(`there is no upstream "${route.upstream}"`)
    if (settings !== undefined) levels.push({ level: `upstream:${route.upstream}`, entries: settings.policies })
    levels.push({ level: 'global', entries: document.policies }, alwaysOn)
    const chain = compileChain(levels, context.groupLevels, parts.policies, parts.policyParts)
    return {
      name: route.name,
      template: route.match.path ?? route.match.pathPrefix ?? route.match.pathRegex ?? '*',
      methods: route.match.methods,
      match: route.match,
      chain,
      seesBody: seesRequestBody(chain.steps),
      rewrite: compileRewrite(route.rewrite),
      upstream: route.upstream === undefined ? undefined : states.get(route.upstream),
      onClientAbort: route.onClientAbort,
    }
  } catch (error) {
    throw new SnapshotRefused(`route "${route.name}": ${(error as Error).message}`, `/routes/${index}`, error)
  }
}
