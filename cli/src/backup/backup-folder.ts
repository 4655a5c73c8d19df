/** Backups lie side by side in a folder, in the order in which they were taken: full ones, and what goes on from the one before. */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '../failure.ts'
import { readHeader, type BackupHeader } from './backup-file.ts'

export interface StoredBackup {
  readonly file: string
  readonly header: BackupHeader
}

const extension = '.sluice-backup'

/** Oldest first. Throws a `Failure` when the folder cannot be read. */
export async function listBackups(folder: string): Promise<StoredBackup[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    throw new Failure(`the folder ${folder} cannot be read (${error.code})`)
  })
  const found: StoredBackup[] = []
  for (const name of names.filter((one) => one.endsWith(extension)).toSorted()) {
    const file = join(folder, name)
    const header = await readHeader(file)
    if (header === undefined) throw new Failure(`${file} is no backup`)
    found.push({ file, header })
  }
  return found.toSorted((a, b) => (a.header.takenAt < b.header.takenAt ? -1 : 1))
}

export async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
}

/** Such as `2026-11-22T05-15-00.123Z-full.sluice-backup`. */
export function fileFor(folder: string, { takenAt, previous }: BackupHeader): string {
  return join(folder, `${takenAt.replaceAll(':', '-')}-${previous === null ? 'full' : 'incremental'}${extension}`)
}

/** Those to read for a point in time [all], oldest first: from the last full one before it, up to the first one after it. Throws a `Failure`. */
export function chainFor(backups: readonly StoredBackup[], atMs = Infinity): StoredBackup[] {
  const isBefore = ({ header }: StoredBackup) => Date.parse(header.takenAt) <= atMs
  const isFull = ({ header }: StoredBackup) => header.previous === null
  const last = backups.findLastIndex((backup) => isFull(backup) && isBefore(backup))
  const start = last === -1 ? backups.findIndex(isFull) : last
  if (start === -1) throw new Failure('there is no full backup in the folder')
  const end = backups.findIndex((backup, index) => index >= start && !isBefore(backup))
  const chain = backups.slice(start, end === -1 ? undefined : end + 1)
  for (const [index, { file, header }] of chain.entries()) {
    if (index > 0 && header.previous !== null && header.previous !== chain[index - 1]!.header.id) throw new Failure(`${file} does not go on from ${chain[index - 1]!.file}: one in between is missing`)
  }
  return chain
}

/** Removes what no point in time after `sinceMs` needs: full ones with all that go on from them, when a newer full one is old enough. */
export async function removeOld(backups: readonly StoredBackup[], sinceMs: number): Promise<string[]> {
  const firstNeeded = backups.findLastIndex(({ header }) => header.previous === null && Date.parse(header.takenAt) <= sinceMs)
  const old = backups.slice(0, Math.max(firstNeeded, 0)).map(({ file }) => file)
  for (const file of old) await rm(file)
  return old
}
