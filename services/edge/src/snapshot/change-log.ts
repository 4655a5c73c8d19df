/**
 * What revisions changed since a whole one, on disk: one record after another, each a line about the revision, then the
 * lines that lead to it. When `append` resolves the kernel has the record, so it outlives any end of this process; the
 * disk has it within a second. A machine that loses its power may leave the last records out or cut short, which shows.
 */
import { write } from 'node:fs'
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * A flush costs the disk a turn; one in this time is for all that was appended meanwhile. Edges hear of a change together:
 * half of it at least and by chance, so that those that share a disk do not flush together as well.
 */
const flushAfterMs = 1000

export interface ChangeFacts {
  readonly revision: number
  /** Of what the revision is, not of the lines. */
  readonly digest: string
  readonly forcedRevision: number
}

export interface LoggedChange extends ChangeFacts {
  readonly text: string
  /** Where in the file it begins. */
  readonly offset: number
}

type FirstLine = ChangeFacts & { readonly bytes: number }

export class ChangeLog {
  readonly #file: string
  readonly #onError: (error: unknown) => void
  #handle: FileHandle | undefined
  #timer: NodeJS.Timeout | undefined
  #flushing: Promise<void> = Promise.resolve()

  /** Nothing of it is there before the first record. `onError` hears of flushes that fail. */
  constructor(file: string, onError: (error: unknown) => void) {
    this.#file = file
    this.#onError = onError
  }

  /** One at a time. Rejects when the file does not take it: what comes after such a record cannot be read. */
  async append({ revision, digest, forcedRevision }: ChangeFacts, text: string): Promise<void> {
    this.#handle ??= await this.#open()
    const first: FirstLine = { revision, digest, forcedRevision, bytes: Buffer.byteLength(text) }
    await writeAll(this.#handle.fd, Buffer.from(`${JSON.stringify(first)}\n${text}`))
    this.#timer ??= setTimeout(() => void this.#flush(), flushAfterMs * (0.5 + Math.random() / 2)).unref()
  }

  async close(): Promise<void> {
    if (this.#timer !== undefined) this.#flush()
    await this.#flushing
    await this.#handle?.close()
    this.#handle = undefined
  }

  /** Readable by this user alone. Its name has to be on the disk as well. */
  async #open(): Promise<FileHandle> {
    const handle = await open(this.#file, 'a', 0o600)
    await syncDirectory(dirname(this.#file)).catch(this.#onError)
    return handle
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#flushing = this.#flushing.then(() => this.#handle?.datasync()).catch(this.#onError)
  }
}

/** The records of a file up to the first that is none; `isSound`: that was its end. A file that is not there has none. */
export async function readChanges(file: string): Promise<{ changes: LoggedChange[]; isSound: boolean }> {
  const changes: LoggedChange[] = []
  try {
    const bytes = await readFile(file)
    for (let offset = 0; offset < bytes.length; ) {
      const end = bytes.indexOf('\n', offset)
      const { bytes: length, ...facts } = JSON.parse(bytes.toString('utf8', offset, end)) as FirstLine
      if (end < 0 || end + 1 + length > bytes.length) return { changes, isSound: false }
      changes.push({ ...facts, text: bytes.toString('utf8', end + 1, end + 1 + length), offset })
      offset = end + 1 + length
    }
    return { changes, isSound: true }
  } catch (error) {
    return { changes, isSound: (error as NodeJS.ErrnoException).code === 'ENOENT' }
  }
}

/** What was created, renamed or removed in it stays so when the power goes. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  await directory.sync().finally(() => directory.close())
}

/** By the callback: a promise for each write costs as much as the write. */
function writeAll(fd: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    write(fd, bytes, (error, written) => {
      if (error === null && written === bytes.length) resolve()
      else reject(error ?? new Error(`of ${bytes.length} bytes ${written} were written`))
    })
  })
}
