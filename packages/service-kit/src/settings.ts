import { isIP } from 'node:net'
import { z } from 'zod'

export class SettingsError extends Error {
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.name = 'SettingsError'
    this.problems = problems
  }
}

/**
 * The process's settings from its environment. `shape` maps setting names to schemas over strings; the variable of
 * `natsUrl` is `SLUICE_NATS_URL`. Throws a `SettingsError` that lists every problem, with the variable's name and
 * never its value.
 */
export function readSettings<S extends z.ZodObject>(shape: S, environment: NodeJS.ProcessEnv = process.env): z.output<S> {
  const values: Record<string, string> = {}
  for (const name of Object.keys(shape.shape)) {
    const value = environment[variableName(name)]
    if (value !== undefined && value !== '') values[name] = value
  }
  const parsed = shape.safeParse(values)
  if (parsed.success) return parsed.data
  throw new SettingsError(parsed.error.issues.map((issue) => `${variableName(String(issue.path[0] ?? ''))}: ${issue.message}`))
}

/** `natsUrl` → `SLUICE_NATS_URL` */
export function variableName(setting: string): string {
  return `SLUICE_${setting.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`
}

/** `1`, `true`, `yes` as true; `0`, `false`, `no` as false. */
export const flag = z
  .enum(['1', 'true', 'yes', '0', 'false', 'no'], 'expected 1 or 0')
  .transform((value) => value === '1' || value === 'true' || value === 'yes')

export const wholeNumber = z.string().regex(/^\d{1,9}$/, 'expected a whole number').transform(Number)

export const commaList = z.string().transform((value) => value.split(',').map((part) => part.trim()).filter((part) => part !== ''))

/** Name servers with commas: addresses, with a port where it is not 53. */
export const nameServers = commaList.refine((list) => list.every(isNameServer), 'expected addresses such as 10.0.0.2 or [2001:db8::1]:5353')

function isNameServer(text: string): boolean {
  const [, v6, v4] = /^(?:\[([^\]]+)\]|([^:]+))(?::\d{1,5})?$/.exec(text) ?? []
  return isIP(v6 ?? v4 ?? text) !== 0
}
