/**
 * Who may say what on the bus: for each subject who sends and who hears. A NATS server enforces it when its settings
 * come from `sluice bus init`; a subject that is missing here does not compile.
 */
import { subjects } from './subjects.ts'

export const serviceNames = ['edge', 'auth', 'ratelimit', 'discovery', 'analytics', 'control'] as const
export type ServiceName = (typeof serviceNames)[number]

interface Flow {
  readonly from: readonly ServiceName[]
  readonly to: readonly ServiceName[]
}

const flow = (from: ServiceName | readonly ServiceName[], to: ServiceName | readonly ServiceName[]): Flow => ({ from: [from].flat() as ServiceName[], to: [to].flat() as ServiceName[] })

const flows: Readonly<Record<Exclude<keyof typeof subjects, 'edgeReport' | 'breakGlass' | 'authRefreshAt' | 'usagePart' | 'topRoutesPart'>, Flow>> = {
  configHint: flow('control', ['edge', 'discovery']),
  configGet: flow(['edge', 'discovery'], 'control'),
  configSegments: flow(['edge', 'discovery'], 'control'),
  edgeReports: flow('edge', 'control'),
  rollCall: flow('control', 'edge'),
  breakGlasses: flow('control', ['edge', 'control']),
  authKey: flow('edge', 'auth'),
  authPassword: flow('edge', 'auth'),
  authSubject: flow('edge', 'auth'),
  authIntrospect: flow('edge', 'auth'),
  authIssuerEndpoints: flow('edge', 'auth'),
  authLogin: flow('edge', 'auth'),
  authRefresh: flow('edge', 'auth'),
  authRefreshesAt: flow('auth', 'auth'),
  authSession: flow('edge', 'auth'),
  authSessionEnd: flow('edge', 'auth'),
  authLogoutToken: flow('edge', 'auth'),
  authUpstreamToken: flow('edge', 'auth'),
  authKeySet: flow('edge', 'auth'),
  authKeySetChanged: flow('auth', 'edge'),
  authChanged: flow('auth', 'edge'),
  authChanges: flow('edge', 'auth'),
  tokenRevocations: flow(['edge', 'control'], 'auth'),
  tokenRevoke: flow('control', 'auth'),
  tokenLift: flow('control', 'auth'),
  consumersList: flow('control', 'auth'),
  consumerGet: flow('control', 'auth'),
  consumersPut: flow('control', 'auth'),
  consumerDelete: flow('control', 'auth'),
  apiKeyCreate: flow('control', 'auth'),
  credentialDelete: flow('control', 'auth'),
  limitPeek: flow('control', 'ratelimit'),
  limitReset: flow('control', 'ratelimit'),
  quotaReached: flow('edge', 'control'),
  upstreamState: flow('discovery', 'edge'),
  upstreamStates: flow(['edge', 'control'], 'discovery'),
  register: flow('control', 'discovery'),
  deregister: flow('control', 'discovery'),
  upstreamReport: flow('edge', 'discovery'),
  circuits: flow('control', 'discovery'),
  circuitOrder: flow('control', 'discovery'),
  circuitHeld: flow('discovery', 'discovery'),
  discoveryMember: flow('discovery', 'discovery'),
  registrationChanged: flow('discovery', 'discovery'),
  cachePurge: flow('control', ['edge', 'control']),
  cachePurged: flow('edge', 'control'),
  cachePurges: flow('edge', 'control'),
  cacheOvertaken: flow('edge', 'edge'),
  // Said by users of the installation's own, who are no service.
  cacheEvent: flow([], 'control'),
  usageBatch: flow('edge', 'analytics'),
  usageQuery: flow('control', 'analytics'),
  topRoutes: flow('control', 'analytics'),
  usageParts: flow('analytics', 'analytics'),
  topRoutesParts: flow('analytics', 'analytics'),
}

export interface BusPermissions {
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
}

/** Control speaks for edges that have no bus of their own (`extensions/buses/control/`), so what they may, it may. */
const speaksFor: Readonly<Partial<Record<ServiceName, ServiceName>>> = { control: 'edge' }

/**
 * What a service may publish on and listen to on a NATS server, in every scope. Answers are told apart by the server:
 * whoever is asked may answer, and nobody hears another service's answers.
 */
export function permissionsOf(service: ServiceName): BusPermissions {
  const all = [service, speaksFor[service]].flatMap((name) => (name === undefined ? [] : [subjectsOf(name)]))
  const inbox = `_INBOX.${service}.>`
  // A list is never empty: an empty one permits everything.
  return { publish: [...new Set(all.flatMap(({ publish }) => publish)), inbox], subscribe: [...new Set(all.flatMap(({ subscribe }) => subscribe)), inbox] }
}

/** The subjects that a service itself speaks and hears on, without where it hears answers. */
export function subjectsOf(service: ServiceName): BusPermissions {
  const named = Object.entries(flows).map(([name, { from, to }]) => ({ subject: subjectOf(name as keyof typeof flows), from, to }))
  return {
    publish: named.filter(({ from }) => from.includes(service)).map(({ subject }) => subject),
    subscribe: named.filter(({ to }) => to.includes(service)).map(({ subject }) => subject),
  }
}

/** With `*` in the place of the scope. */
function subjectOf(name: keyof typeof flows): string {
  const marker = 'scope-of-any-name'
  return subjects[name](marker).replace(marker, '*')
}
