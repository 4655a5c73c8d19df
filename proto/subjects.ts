/**
 * Every subject on the bus, with its direction. `scope` and `edge` are one token each: what a subject cannot hold
 * is escaped by `subjectToken`, so that a host name with dots stays one token.
 */
const prefix = 'gw.v1'

/** `name` as one subject token: letters, digits, `-` and `_` stay, the rest becomes `=XX` by UTF-8 byte. */
export function subjectToken(name: string): string {
  return name.replace(/[^A-Za-z0-9_-]/gu, (character) =>
    [...new TextEncoder().encode(character)].map((byte) => `=${byte.toString(16).padStart(2, '0')}`).join(''),
  )
}

const on = (path: string) => (scope: string) => `${prefix}.${path}.${subjectToken(scope)}`

export const subjects = {
  /** control → all, publish: ConfigHint */
  configHint: on('cfg.hint'),
  /** all → control, request, queue `control`: ConfigRequest → ConfigReply */
  configGet: on('cfg.get'),
  /** all → control, request, queue `control`: ConfigSegmentsRequest → ConfigSegmentsReply */
  configSegments: on('cfg.seg'),
  /** edge → every control, request (the first answer counts): EdgeReport → EdgeReportReply */
  edgeReport: (scope: string, edge: string) => `${prefix}.node.hb.${subjectToken(scope)}.${subjectToken(edge)}`,
  /** control's subscription to all edges' reports */
  edgeReports: (scope: string) => `${prefix}.node.hb.${subjectToken(scope)}.*`,
  /** control → edges, publish: RollCall */
  rollCall: on('node.call'),

  /** control → the edges and the other controls of a datacenter ('': of all), publish: BreakGlassNotice */
  breakGlass: (scope: string, datacenter: string) => `${prefix}.ctl.overlay.${subjectToken(scope)}.${datacenter === '' ? '=' : subjectToken(datacenter)}`,
  /** those of all datacenters */
  breakGlasses: (scope: string) => `${prefix}.ctl.overlay.${subjectToken(scope)}.*`,

  /** edge → auth, request, queue `auth`: ApiKeyRequest → ApiKeyReply */
  authKey: on('auth.key'),
  /** edge → auth, request, queue `auth`: PasswordRequest → PasswordReply */
  authPassword: on('auth.password'),
  /** edge → auth, request, queue `auth`: SubjectRequest → SubjectReply */
  authSubject: on('auth.subject'),
  /** edge → auth, request, queue `auth`: IntrospectRequest → IntrospectReply */
  authIntrospect: on('auth.introspect'),
  /** edge → auth, request, queue `auth`: IssuerEndpointsRequest → IssuerEndpointsReply */
  authIssuerEndpoints: on('auth.issuer.get'),
  /** edge → auth, request, queue `auth`: LoginRequest → LoginReply */
  authLogin: on('auth.login'),
  /** edge → auth, request, queue `auth`: RefreshRequest → LoginReply */
  authRefresh: on('auth.login.refresh'),
  /** auth → the auth that has asked the issuer, request: RefreshRequest → LoginReply */
  authRefreshAt: (scope: string, instance: string) => `${prefix}.auth.login.refreshed.${subjectToken(scope)}.${subjectToken(instance)}`,
  /** the one before, of all auths */
  authRefreshesAt: (scope: string) => `${prefix}.auth.login.refreshed.${subjectToken(scope)}.*`,
  /** edge → auth, request, queue `auth`: SessionRequest → SessionReply */
  authSession: on('auth.session.get'),
  /** edge → auth, request, queue `auth`: SessionEndRequest → SessionEndReply */
  authSessionEnd: on('auth.session.end'),
  /** edge → auth, request, queue `auth`: LogoutTokenRequest → LogoutTokenReply */
  authLogoutToken: on('auth.session.logout'),
  /** edge → auth, request, queue `auth`: UpstreamTokenRequest → UpstreamTokenReply */
  authUpstreamToken: on('auth.upstream.token'),
  /** edge → auth, request, queue `auth`: KeySetRequest → KeySet */
  authKeySet: on('auth.keyset.get'),
  /** auth → edges, publish: KeySet */
  authKeySetChanged: on('auth.keyset.changed'),
  /** auth → edges, sequenced: CredentialChange */
  authChanged: on('auth.revoke'),
  /** edge → auth, request, queue `auth`: CredentialChangesRequest → CredentialChangesReply */
  authChanges: on('auth.changes'),
  /** edge, control → auth, request, queue `auth`: TokenRevocationsRequest → TokenRevocationsReply */
  tokenRevocations: on('auth.tokens.revoked'),
  /** control → auth, request, queue `auth`: TokenRevokeRequest → CredentialWriteReply */
  tokenRevoke: on('auth.tokens.revoke'),
  /** control → auth, request, queue `auth`: TokenLiftRequest → CredentialWriteReply */
  tokenLift: on('auth.tokens.lift'),
  /** control → auth, request, queue `auth`: ConsumersListRequest → ConsumersListReply */
  consumersList: on('auth.consumers.list'),
  /** control → auth, request, queue `auth`: ConsumerGetRequest → ConsumerGetReply */
  consumerGet: on('auth.consumers.get'),
  /** control → auth, request, queue `auth`: ConsumersPutRequest → CredentialWriteReply */
  consumersPut: on('auth.consumers.put'),
  /** control → auth, request, queue `auth`: ConsumerDeleteRequest → CredentialWriteReply */
  consumerDelete: on('auth.consumers.delete'),
  /** control → auth, request, queue `auth`: ApiKeyCreateRequest → ApiKeyCreateReply */
  apiKeyCreate: on('auth.credentials.create'),
  /** control → auth, request, queue `auth`: CredentialDeleteRequest → CredentialWriteReply */
  credentialDelete: on('auth.credentials.delete'),

  /** control → ratelimit, request, queue `ratelimit`: LimitPeekRequest → LimitPeekReply */
  limitPeek: on('rl.peek'),
  /** control → ratelimit, request, queue `ratelimit`: LimitResetRequest → LimitResetReply */
  limitReset: on('rl.reset'),
  /** worker of an edge → every control, publish: QuotaReached */
  quotaReached: on('rl.reached'),

  /** discovery → all, sequenced: UpstreamState */
  upstreamState: on('disc.delta'),
  /** all → discovery, request, queue `discovery`: UpstreamStatesRequest → UpstreamStatesReply */
  upstreamStates: on('disc.get'),
  /** instance or control → discovery, request, queue `discovery`: RegisterRequest → RegisterReply */
  register: on('disc.reg'),
  /** instance or control → discovery, request, queue `discovery`: DeregisterRequest → DeregisterReply */
  deregister: on('disc.dereg'),
  /** worker of an edge → every discovery, publish: UpstreamReport */
  upstreamReport: on('disc.outlier'),
  /** control → discovery, request, queue `discovery`: CircuitsRequest → CircuitsReply */
  circuits: on('disc.circuits'),
  /** control → discovery, request, queue `discovery`: CircuitOrder → CircuitOrderReply */
  circuitOrder: on('disc.circuit.hold'),
  /** discovery → discovery, publish: CircuitOrder */
  circuitHeld: on('disc.circuit.held'),
  /** discovery → discovery, publish: DiscoveryMember */
  discoveryMember: on('disc.member'),
  /** discovery → discovery, publish: RegistrationChange */
  registrationChanged: on('disc.registered'),

  /** control → workers of edges, sequenced: CachePurge */
  cachePurge: on('cache.purge'),
  /** worker of an edge → every control, publish: CachePurged */
  cachePurged: on('cache.purged'),
  /** worker of an edge → control, request, queue `control`: CachePurgesRequest → CachePurgesReply */
  cachePurges: on('cache.purges'),
  /** worker of an edge → workers of edges, publish: CacheOvertaken */
  cacheOvertaken: on('cache.overtaken'),
  /** backend → control, request or publish, queue `control`: JSON, the body of `POST /v1/cache/purge`, and its answer */
  cacheEvent: on('cache.event'),

  /** host agent → analytics, request, queue `analytics` (of several, a queue for each part): UsageBatch → UsageBatchReply */
  usageBatch: on('obs.ledger'),
  /** control → analytics, request, queue `analytics`: UsageQuery → UsageQueryReply */
  usageQuery: on('obs.usage'),
  /** control → analytics, request, queue `analytics`: TopRoutesQuery → TopRoutesReply */
  topRoutes: on('obs.routes'),
  /** analytics → the analytics that has a part, request: UsageQuery → UsageQueryReply */
  usagePart: (scope: string, part: string) => `${prefix}.obs.part.usage.${subjectToken(scope)}.${subjectToken(part)}`,
  /** analytics → the analytics that has a part, request: TopRoutesQuery → TopRoutesReply */
  topRoutesPart: (scope: string, part: string) => `${prefix}.obs.part.routes.${subjectToken(scope)}.${subjectToken(part)}`,
  /** the two before, of all parts */
  usageParts: (scope: string) => `${prefix}.obs.part.usage.${subjectToken(scope)}.*`,
  topRoutesParts: (scope: string) => `${prefix}.obs.part.routes.${subjectToken(scope)}.*`,
} as const

/** The queue groups: one instance of the service answers each request. */
export const queues = {
  control: 'control',
  auth: 'auth',
  ratelimit: 'ratelimit',
  discovery: 'discovery',
  analytics: 'analytics',
} as const

/** The scope of everything until workspaces come. */
export const defaultScope = 'default'
