/**
 * Settings and values that the interface names and that are not built yet. Giving one is a problem at check with its
 * own words, never ignored and never called a misspelling; a line here goes when the feature comes.
 */
import { z } from 'zod'

/** The sentence that whoever checks a configuration knows such problems by. */
function notBuilt(what: string): string {
  return `${what} is not built yet`
}

/** A setting whose mere presence is the problem. */
export function settingNotBuilt(name: string): z.ZodOptional<z.ZodCustom<undefined>> {
  return z.custom<undefined>((value) => value === undefined, notBuilt(`"${name}"`)).optional().meta({ description: 'Not built yet.' })
}

/** One of the values in `built`; those in `later` are known, but refused. */
export function choiceOf<const B extends string>(built: readonly B[], later: readonly string[]): z.ZodEnum<{ [K in B]: K }> {
  return z.enum(built, {
    error: (issue) => (typeof issue.input === 'string' && later.includes(issue.input) ? notBuilt(issue.input) : undefined),
  })
}
