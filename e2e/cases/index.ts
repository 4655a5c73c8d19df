// The one list of cases; both modes run it from top to bottom.
import { accessLog } from './access-log.ts'
import { activeHealth } from './active-health.ts'
import { adminRoles } from './admin-roles.ts'
import { apiKeys } from './api-keys.ts'
import { breakGlass } from './break-glass.ts'
import { browserLogin } from './browser-login.ts'
import { cachedResponses } from './cached-responses.ts'
import type { Case } from './case.ts'
import { cassandraOutage } from './cassandra-outage.ts'
import { circuits } from './circuits.ts'
import { clientAbort } from './client-abort.ts'
import { commandLine } from './command-line.ts'
import { conditionMatching } from './condition-matching.ts'
import { configChange } from './config-change.ts'
import { configFile } from './config-file.ts'
import { configWrites } from './config-writes.ts'
import { discoverySources } from './discovery-sources.ts'
import { durability } from './durability.ts'
import { edgeAlone } from './edge-alone.ts'
import { edgeAnswers } from './edge-answers.ts'
import { endpointLoss } from './endpoint-loss.ts'
import { forwarding } from './forwarding.ts'
import { guardrails } from './guardrails.ts'
import { guessing } from './guessing.ts'
import { groupMatching } from './group-matching.ts'
import { health } from './health.ts'
import { hostMatching } from './host-matching.ts'
import { identityChoice } from './identity-choice.ts'
import { keySets } from './key-sets.ts'
import { limitKeys } from './limit-keys.ts'
import { methodMatching } from './method-matching.ts'
import { metrics } from './metrics.ts'
import { natsOutage } from './nats-outage.ts'
import { opaqueTokens } from './opaque-tokens.ts'
import { passwords } from './passwords.ts'
import { pathMatching } from './path-matching.ts'
import { pathNormalisation } from './path-normalisation.ts'
import { probeKinds } from './probe-kinds.ts'
import { plans } from './plans.ts'
import { quotas } from './quotas.ts'
import { rateLimits } from './rate-limits.ts'
import { receipts } from './receipts.ts'
import { redisOutage } from './redis-outage.ts'
import { registrationExpiry } from './registration-expiry.ts'
import { registration } from './registration.ts'
import { revokedTokens } from './revoked-tokens.ts'
import { secrets } from './secrets.ts'
import { selfTestsOfARevision } from './self-tests.ts'
import { serviceRestarts } from './service-restarts.ts'
import { severalDiscoveries } from './several-discoveries.ts'
import { severalOfAKind } from './several-of-a-kind.ts'
import { signedTokens } from './signed-tokens.ts'
import { teams } from './teams.ts'
import { trafficSplit } from './traffic-split.ts'
import { upstreamTokens } from './upstream-tokens.ts'
import { usage } from './usage.ts'
import { webConsole } from './web-console.ts'
import { websockets } from './websockets.ts'
import { workerRestart } from './worker-restart.ts'

export const cases: readonly Case[] = [
  registration,
  discoverySources,
  pathMatching,
  hostMatching,
  methodMatching,
  conditionMatching,
  trafficSplit,
  pathNormalisation,
  forwarding,
  clientAbort,
  websockets,
  signedTokens,
  keySets,
  opaqueTokens,
  revokedTokens,
  browserLogin,
  webConsole,
  upstreamTokens,
  apiKeys,
  passwords,
  identityChoice,
  groupMatching,
  guessing,
  rateLimits,
  quotas,
  plans,
  limitKeys,
  edgeAnswers,
  configChange,
  configWrites,
  guardrails,
  selfTestsOfARevision,
  adminRoles,
  commandLine,
  teams,
  configFile,
  accessLog,
  metrics,
  health,
  usage,
  endpointLoss,
  circuits,
  cachedResponses,
  activeHealth,
  probeKinds,
  severalDiscoveries,
  severalOfAKind,
  workerRestart,
  registrationExpiry,
  durability,
  receipts,
  redisOutage,
  natsOutage,
  cassandraOutage,
  breakGlass,
  serviceRestarts,
  edgeAlone,
  secrets,
]
