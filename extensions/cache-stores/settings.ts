import { SluiceError } from '@sluice/errors'
import type { z } from 'zod'

/** The driver's settings with defaults in place; throws `config.invalid` naming every problem, but no value (a URL holds the password). */
export function readSettings<T extends z.ZodType>(schema: { readonly name: string; readonly settings: T }, settings: unknown): z.output<T> {
  const result = schema.settings.safeParse(settings)
  if (result.success) return result.data
  const problems = result.error.issues.map((issue) => [issue.path.join('.'), issue.message].filter(Boolean).join(': '))
  throw new SluiceError('config.invalid', { detail: `settings of the ${schema.name} cache: ${problems.join('; ')}` })
}
