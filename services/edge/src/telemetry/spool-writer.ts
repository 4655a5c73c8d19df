import { mkdir, open, unlink, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { spoolPath, syncDirectory, type SpoolEntry } from './spool-directory.ts'
import { encodeEnd, encodeHead, type BatchName, type BootTotals, type RowsRecord } from './spool-file.ts'

/** A file is full at this size even within its second: its batch has to pass the bus. */
const fullBytes = 256 * 1024

interface OpenFile {
  readonly handle: FileHandle
  readonly sequence: number
  readonly path: string
  bytes: number
}

export interface WriterParts extends Omit<BatchName, 'sequence'> {
  readonly directory: string
  /** Told of each file to which nothing more will be written. */
  readonly onComplete: (entry: SpoolEntry) => void
}

/** Writes one boot's files, numbered from 1 without a gap. Its calls are made one after another. */
export class SpoolWriter {
  readonly #parts: WriterParts
  readonly #totals: BootTotals = { requests: 0, droppedEvents: 0 }
  #lastSequence = 0
  #file: OpenFile | undefined

  constructor(parts: WriterParts) {
    this.#parts = parts
  }

  get openBytes(): number {
    return this.#file?.bytes ?? 0
  }

  get isFull(): boolean {
    return this.openBytes >= fullBytes
  }

  /**
   * Appends a record; it is with the operating system when this resolves. When it rejects, the record counts as not
   * written: what may be there of it is cut short, and nothing is written behind it.
   */
  async append(record: RowsRecord): Promise<void> {
    const file = (this.#file ??= await this.#open())
    try {
      await writeAll(file, record.bytes)
    } catch (error) {
      await this.#close(file)
      throw error
    }
    this.#totals.requests += record.requests
    this.#totals.droppedEvents += record.droppedEvents
  }

  /** Completes the open file, or makes an empty one when there is none, and syncs it to disk. */
  async complete(untilMs: number): Promise<void> {
    const file = (this.#file ??= await this.#open())
    try {
      await writeAll(file, encodeEnd(untilMs))
      await file.handle.sync()
      await syncDirectory(dirname(file.path))
    } finally {
      await this.#close(file)
    }
  }

  async #open(): Promise<OpenFile> {
    const { directory, scope, edge, boot } = this.#parts
    const sequence = this.#lastSequence + 1
    const path = spoolPath(directory, boot, sequence)
    await mkdir(dirname(path), { recursive: true })
    const file = { handle: await open(path, 'w', 0o600), sequence, path, bytes: 0 }
    try {
      await writeAll(file, encodeHead({ scope, edge, boot, sequence }, this.#totals))
    } catch (error) {
      // The number is given again: a file without a head would be a batch without a name.
      await file.handle.close().catch(() => {})
      await unlink(path).catch(() => {})
      throw error
    }
    this.#lastSequence = sequence
    return file
  }

  async #close({ handle, sequence, path, bytes }: OpenFile): Promise<void> {
    this.#file = undefined
    this.#parts.onComplete({ boot: this.#parts.boot, sequence, path, bytes })
    await handle.close().catch(() => {})
  }
}

async function writeAll(file: OpenFile, bytes: Buffer): Promise<void> {
  let done = 0
  while (done < bytes.length) done += (await file.handle.write(bytes, done)).bytesWritten
  file.bytes += bytes.length
}
