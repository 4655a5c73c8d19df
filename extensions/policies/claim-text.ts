import type { Identity } from './exchange.ts'

/**
 * A claim of the caller's token as text: numbers and booleans as JSON writes them, a list joined by commas, an object
 * as JSON; '' when there is no token or no such claim.
 */
export function claimText(identity: Identity | undefined, name: string): string {
  const { claims } = identity ?? {}
  if (claims === undefined || !Object.hasOwn(claims, name)) return ''
  return textOf(claims[name])
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (value === null || value === undefined) return ''
  if (Array.isArray(value)) return value.map(textOf).join(',')
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}
