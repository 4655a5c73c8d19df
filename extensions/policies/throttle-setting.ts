import { z } from 'zod'

/** Of every policy whose credentials can be guessed at. */
export const throttleFailures = z
  .boolean()
  .default(true)
  .describe('Slow down failing attempts, by client address and by key id or user name: 429 with `Retry-After` for what is not known to be good.')
