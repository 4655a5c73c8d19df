/** What the admin API says has changed in a resource. */
export interface Difference {
  /** `routes/get-user`, `upstreams/users`, `listeners` … */
  readonly resource: string
  readonly change: 'added' | 'removed' | 'changed'
  readonly settings?: readonly SettingChange[]
}

interface SettingChange {
  /** JSON Pointer into the resource. */
  readonly pointer: string
  readonly before?: unknown
  readonly after?: unknown
}

const marks = { added: '+', removed: '-', changed: '~' } as const

/** A line for each resource, and below a changed one a line for each setting. */
export function describeDifferences(differences: readonly Difference[]): string {
  return differences.flatMap(({ resource, change, settings = [] }) => [`${marks[change]} ${resource}`, ...settings.map(describeSetting)]).join('\n')
}

function describeSetting(change: SettingChange): string {
  const { pointer, before, after } = change
  if (!('before' in change)) return `    + ${pointer}: ${short(after)}`
  if (!('after' in change)) return `    - ${pointer}: ${short(before)}`
  return `    ~ ${pointer}: ${short(before)} → ${short(after)}`
}

function short(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > 100 ? `${text.slice(0, 99)}…` : text
}
