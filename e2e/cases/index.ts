// The one list of cases; both modes run it from top to bottom.
import { activeHealth } from './active-health.ts'
import { apiKeys } from './api-keys.ts'
import type { Case } from './case.ts'
import { clientAbort } from './client-abort.ts'
import { conditionMatching } from './condition-matching.ts'
import { configChange } from './config-change.ts'
import { configWrites } from './config-writes.ts'
import { endpointLoss } from './endpoint-loss.ts'
import { forwarding } from './forwarding.ts'
import { hostMatching } from './host-matching.ts'
import { identityChoice } from './identity-choice.ts'
import { keySets } from './key-sets.ts'
import { methodMatching } from './method-matching.ts'
import { pathMatching } from './path-matching.ts'
import { pathNormalisation } from './path-normalisation.ts'
import { rateLimits } from './rate-limits.ts'
import { registration } from './registration.ts'
import { registrationExpiry } from './registration-expiry.ts'
import { signedTokens } from './signed-tokens.ts'
import { workerRestart } from './worker-restart.ts'

export const cases: readonly Case[] = [
  registration,
  pathMatching,
  hostMatching,
  methodMatching,
  conditionMatching,
  pathNormalisation,
  forwarding,
  clientAbort,
  signedTokens,
  keySets,
  apiKeys,
  identityChoice,
  rateLimits,
  configChange,
  configWrites,
  endpointLoss,
  activeHealth,
  workerRestart,
  registrationExpiry,
]
