/**
 * Who may say what on the bus: for each subject who sends and who hears. A NATS server enforces it when its settings
 * come from `sluice bus init`; a subject that is missing here does not compile.
 */
import { subjects } from './subjects.ts'

export const serviceNames = ['edge', 'auth', 'ratelimit', 'discovery', 'analytics', 'control'] as const
export type ServiceName = (typeof serviceNames)[number]

/** Whoever connects: `backend` are the installation's own servers, which purge by event and may do nothing else. */
export const busUserNames = [...serviceNames, 'backend'] as const
export type BusUserName = (typeof busUserNames)[number]

interface Flow {
  readonly from: readonly BusUserName[]
  readonly to: readonly ServiceName[]
}

const flow = (from: BusUserName | readonly BusUserName[], to: ServiceName | readonly ServiceName[]): Flow => ({ from: [from].flat() as BusUserName[], to: [to].flat() as ServiceName[] })

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
  cacheEvent: flow('backend', 'control'),
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
const speaksFor: Readonly<Partial<Record<BusUserName, ServiceName>>> = { control: 'edge' }

/**
 * What a user may publish on and listen to on a NATS server, in every scope. Answers are told apart by the server:
 * whoever is asked may answer, and nobody hears another user's answers.
 */
export function permissionsOf(user: BusUserName): BusPermissions {
  const all = [user, speaksFor[user]].flatMap((name) => (name === undefined ? [] : [subjectsOf(name)]))
  const inbox = `_INBOX.${user}.>`
  // A list is never empty: an empty one permits everything.
  return { publish: [...new Set(all.flatMap(({ publish }) => publish)), inbox], subscribe: [...new Set(all.flatMap(({ subscribe }) => subscribe)), inbox] }
}

/** The subjects that a user itself speaks and hears on, without where it hears answers. */
export function subjectsOf(user: BusUserName): BusPermissions {
  const named = Object.entries(flows).map(([name, { from, to }]) => ({ subject: subjectOf(name as keyof typeof flows), from, to }))
  return {
    publish: named.filter(({ from }) => from.includes(user)).map(({ subject }) => subject),
    subscribe: named.filter(({ to }) => (to as readonly BusUserName[]).includes(user)).map(({ subject }) => subject),
  }
}

/** With `*` in the place of the scope. */
function subjectOf(name: keyof typeof flows): string {
  const marker = 'scope-of-any-name'
  return subjects[name](marker).replace(marker, '*')
}
