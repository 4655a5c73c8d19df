import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type AuditEntry } from '@sluice/config-stores/config-store'
import { type BreakGlassEntry, readBreakGlass } from '@sluice/proto/break-glass'

/** What of break-glass orders outlives control, while there may be no store to ask. */
export interface KeptOrders {
  readonly entries: readonly BreakGlassEntry[]
  /** What the audit log in the store does not have yet. */
  readonly unaudited: readonly AuditEntry[]
}

export const nothingKept: KeptOrders = { entries: [], unaudited: [] }

/** Throws for a file that cannot be read; a missing one holds nothing. */
export async function readOrders(file: string): Promise<KeptOrders> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return nothingKept
  const { entries, unaudited } = JSON.parse(text) as KeptOrders
  return { entries: readBreakGlass(JSON.stringify(entries)), unaudited }
}

/** Aside, synced, renamed: a crash leaves what was there or what is. */
export async function writeOrders(file: string, kept: KeptOrders): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  const aside = await open(`${file}.tmp`, 'w', 0o600)
  try {
    await aside.writeFile(JSON.stringify(kept))
    await aside.sync()
  } finally {
    await aside.close()
  }
  await rename(`${file}.tmp`, file)
}
