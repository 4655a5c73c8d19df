/** Commits to a store that may fail at any point and, where it can, lets the next be made before this one is on the disk. */
import type { Commit, ConfigStore, WrittenCommit } from '@sluice/config-stores/config-store'
import { codeOf, SluiceError } from '@sluice/errors'

/**
 * A failure of the store leaves open whether it took the commit; asked again with the same change id it answers the
 * first outcome.
 */
export async function writeOnce(store: ConfigStore, commit: Commit): Promise<WrittenCommit> {
  try {
    return await write(store, commit)
  } catch (error) {
    if (codeOf(error) !== 'dependency.store_unreachable') throw error
    return write(store, commit)
  }
}

async function write(store: ConfigStore, commit: Commit): Promise<WrittenCommit> {
  if (store.write === undefined) return { outcome: await store.commit(commit), kept: Promise.resolve() }
  const written = await store.write(commit)
  // Whoever waits for it begins in a later microtask.
  written.kept.catch(() => undefined)
  return written
}

/** As `writeOnce`, of what was written and could not be flushed. */
export async function keepAgain(store: ConfigStore, commit: Commit): Promise<void> {
  const { outcome } = await store.commit(commit)
  if (outcome === 'conflict') throw new SluiceError('dependency.store_unreachable', { detail: 'The store lost the change after it had taken it' })
}
