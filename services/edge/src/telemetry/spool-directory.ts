import { mkdir, open, readdir, rmdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** A complete file of the spool, or a number that is missing between two files. */
export interface SpoolEntry {
  readonly boot: string
  readonly sequence: number
  /** Undefined when the file is lost. */
  readonly path: string | undefined
  readonly bytes: number
}

const fileName = /^(\d{12})\.usage$/

export function spoolPath(directory: string, boot: string, sequence: number): string {
  return join(directory, boot, `${String(sequence).padStart(12, '0')}.usage`)
}

/** What boots other than `except` left, in the order in which it was made within each. */
export async function listSpool(directory: string, { except }: { except: string }): Promise<SpoolEntry[]> {
  await mkdir(directory, { recursive: true })
  const folders = (await readdir(directory, { withFileTypes: true })).filter((entry) => entry.isDirectory())
  const boots = folders.map((entry) => entry.name).filter((boot) => boot !== except)
  const lists = await Promise.all(boots.map((boot) => listBoot(directory, boot)))
  return lists.flat()
}

async function listBoot(directory: string, boot: string): Promise<SpoolEntry[]> {
  const names = await readdir(join(directory, boot))
  const sequences = names.map((name) => Number(fileName.exec(name)?.[1] ?? 0)).filter((sequence) => sequence > 0)
  if (sequences.length === 0) await rmdir(join(directory, boot)).catch(() => {})
  const entries: SpoolEntry[] = []
  for (const sequence of sequences.sort((a, b) => a - b)) {
    for (let missing = (entries.at(-1)?.sequence ?? sequence - 1) + 1; missing < sequence; missing++) {
      entries.push({ boot, sequence: missing, path: undefined, bytes: 0 })
    }
    const path = spoolPath(directory, boot, sequence)
    entries.push({ boot, sequence, path, bytes: (await stat(path)).size })
  }
  return entries
}

/** Makes a new or removed name outlast a power cut. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
