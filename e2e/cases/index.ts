// The one list of cases; both modes run it from top to bottom.
import type { Case } from './case.ts'
import { conditionMatching } from './condition-matching.ts'
import { hostMatching } from './host-matching.ts'
import { methodMatching } from './method-matching.ts'
import { pathMatching } from './path-matching.ts'
import { pathNormalisation } from './path-normalisation.ts'

export const cases: readonly Case[] = [pathMatching, hostMatching, methodMatching, conditionMatching, pathNormalisation]
