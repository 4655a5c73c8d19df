import { z } from 'zod'

/** Of every policy that goes by what auth says of credentials and sessions, and remembers it. */
export const whenBlind = z
  .enum(['continue', 'refuse'])
  .default('continue')
  .describe('What happens once this edge has heard nothing of revocations for 30 seconds, since auth or the bus is away: `continue` goes by what it remembers, `refuse` answers 503.')
