/**
 * The last good revisions on disk, so that an edge starts while everything else is away. A file holds the document's
 * bytes and its name the revision and the digest over them: a truncated or damaged file is noticed and the one before
 * it is taken. Written aside, flushed, renamed; three generations stay.
 */
import { mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { digestOf } from '@sluice/proto/config'

export interface StoredDocument {
  readonly revision: number
  readonly digest: string
  readonly document: Uint8Array
}

const generations = 3
const fileName = /^(\d+)-([0-9a-f]{64})\.json$/

export class SnapshotDisk {
  private readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  /** The newest undamaged document; `onDamaged` hears of each that is passed over. */
  async newest(onDamaged: (file: string) => void): Promise<StoredDocument | undefined> {
    for (const { file, revision, digest } of await this.files()) {
      const document = await readFile(join(this.directory, file)).catch(() => undefined)
      if (document !== undefined && digestOf(document) === digest) return { revision, digest, document }
      onDamaged(file)
    }
    return undefined
  }

  /** Readable by this user alone: a document may hold resolved secrets. */
  async save({ revision, digest, document }: StoredDocument): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 })
    const target = join(this.directory, `${revision}-${digest}.json`)
    const aside = `${target}.tmp`
    const handle = await open(aside, 'w', 0o600)
    try {
      await handle.writeFile(document)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(aside, target)
    await this.syncDirectory()
    for (const { file } of (await this.files()).slice(generations)) await unlink(join(this.directory, file)).catch(() => undefined)
  }

  private async syncDirectory(): Promise<void> {
    const handle = await open(this.directory, 'r')
    await handle.sync().finally(() => handle.close())
  }

  /** Newest first. */
  private async files(): Promise<{ file: string; revision: number; digest: string }[]> {
    const names = await readdir(this.directory).catch(() => [])
    const found = names.flatMap((file) => {
      const match = fileName.exec(file)
      return match === null ? [] : [{ file, revision: Number(match[1]), digest: match[2]! }]
    })
    return found.sort((a, b) => b.revision - a.revision)
  }
}
