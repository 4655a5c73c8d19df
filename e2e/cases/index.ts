// The one list of cases; both modes run it from top to bottom.
import type { Case } from './case.ts'
import { clientAbort } from './client-abort.ts'
import { conditionMatching } from './condition-matching.ts'
import { forwarding } from './forwarding.ts'
import { hostMatching } from './host-matching.ts'
import { methodMatching } from './method-matching.ts'
import { pathMatching } from './path-matching.ts'
import { pathNormalisation } from './path-normalisation.ts'

export const cases: readonly Case[] = [pathMatching, hostMatching, methodMatching, conditionMatching, pathNormalisation, forwarding, clientAbort]
