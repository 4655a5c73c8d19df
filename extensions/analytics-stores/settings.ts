import { SluiceError } from '@sluice/errors'
import type { z } from 'zod'

/** The driver's settings with defaults in place; throws `config.invalid` naming every problem. */
export function readSettings<T>(schema: { name: string; settings: z.ZodType<T> }, settings: unknown): T {
  const result = schema.settings.safeParse(settings)
  if (result.success) return result.data
  const problems = result.error.issues.map((issue) => [issue.path.join('.'), issue.message].filter(Boolean).join(': '))
  throw new SluiceError('config.invalid', { detail: `settings of the ${schema.name} store: ${problems.join('; ')}` })
}
