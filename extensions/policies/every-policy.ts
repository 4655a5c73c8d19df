import { z } from 'zod'
import { choiceOf } from './not-built.ts'

/** Settings that every policy takes. */
export const everyPolicy = {
  name: z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'a name of letters, digits, ".", "_" and "-" (at most 128), beginning with a letter or digit')
    .optional()
    .describe('Tells several policies of one type apart; the type itself when left out.'),
  shadow: z.boolean().optional().describe('Decide and record, change nothing: the access record and the metrics say what would have happened.'),
}

/** `failure` of a policy that can only fail closed for now. */
export const failsClosed = choiceOf(['closed'], ['open']).default('closed').describe('What an outage does: `closed` answers 503. `open` is not built yet.')
