// The one list of cases; both modes run it from top to bottom.
import type { Case } from './case.ts'
import { pathMatching } from './path-matching.ts'

export const cases: readonly Case[] = [pathMatching]
