/** What the admin API says has changed in a resource. */
export interface Difference {
  /** `routes/get-user`, `upstreams/users`, `listeners` … */
  readonly resource: string
  readonly change: 'added' | 'removed' | 'changed'
  readonly settings?: readonly SettingChange[]
  /** The revision that made it what it is now. */
  readonly lastChange?: { readonly revision: number; readonly author: string; readonly origin: string; readonly note: string; readonly committedAt: string }
}

interface SettingChange {
  /** JSON Pointer into the resource. */
  readonly pointer: string
  readonly before?: unknown
  readonly after?: unknown
}

const marks = { added: '+', removed: '-', changed: '~' } as const

/** A line for each resource; below it one for each setting that changes, and one that tells who made it what it is. */
export function describeDifferences(differences: readonly Difference[]): string {
  return differences.flatMap((difference) => [`${marks[difference.change]} ${difference.resource}`, ...(difference.settings ?? []).map(describeSetting), ...describeMaker(difference)]).join('\n')
}

/** Who made it what it runs as, so that whoever finds a drift knows whom to ask. */
function describeMaker({ lastChange }: Difference): string[] {
  if (lastChange === undefined) return []
  const { revision, author, origin, note, committedAt } = lastChange
  return [`    as it is since revision ${revision}, from ${origin} at ${committedAt} by ${author || 'nobody known'}${note === '' ? '' : ` (${note})`}`]
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
