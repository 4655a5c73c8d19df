/**
 * Lines appended to a file that all workers of a machine share. Each batch is one write(2) on a descriptor opened with
 * O_APPEND: the kernel picks the place and writes under the inode's lock, so that batches of several processes stand
 * one after another (local file systems; not NFS). Nobody passes lines to another process.
 *
 * Rotation needs no word between processes: one of them renames the file (`rotation.ts`), the others see within a
 * second that the path leads to another file, and open that. Lines written meanwhile stand in the file put aside.
 */
import { mkdir, open, stat, type FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { closeTimeoutMs, maxPendingBytes, type LogExporter, type LogExporterCounts, type LogExporterParts, type Tender } from '../log-exporter.ts'
import { startRotation } from './rotation.ts'
import type { FileSettings } from './schema.ts'

interface Batch {
  readonly lines: string
  readonly count: number
}

const checkEveryMs = 1000
const retryAfterMs = 1000
/** One write's size; with the next batch it may be more. */
const writeBytes = 256 * 1024

export function createExporter(settings: FileSettings, parts: LogExporterParts): LogExporter {
  return new FileExporter(settings.file, parts)
}

/** Rotation and removal; for exactly one process of those that write to the file. */
export function tend(settings: FileSettings, parts: LogExporterParts): Tender {
  return startRotation(settings, parts)
}

class FileExporter implements LogExporter {
  readonly counts: LogExporterCounts = { written: 0, dropped: 0 }
  readonly #path: string
  readonly #parts: LogExporterParts
  #waiting: Batch[] = []
  #waitingBytes = 0
  #pump: Promise<void> | undefined
  #file: FileHandle | undefined
  #inode = 0
  #checkedAt = 0
  #isClosed = false
  readonly #giveUp = new AbortController()

  constructor(path: string, parts: LogExporterParts) {
    this.#path = path
    this.#parts = parts
  }

  write(lines: string, count: number): void {
    if (this.#isClosed || this.#waitingBytes + lines.length > maxPendingBytes) {
      this.counts.dropped += count
      return
    }
    this.#waiting.push({ lines, count })
    this.#waitingBytes += lines.length
    this.#pump ??= this.#writeAll()
  }

  async flush(): Promise<void> {
    await this.#pump
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const timer = setTimeout(() => this.#giveUp.abort(), closeTimeoutMs)
    await this.#pump
    clearTimeout(timer)
    await this.#closeFile()
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const { lines, count } = this.#take()
      const isWritten = await this.#append(Buffer.from(lines))
      this.#waitingBytes -= lines.length
      if (isWritten) this.counts.written += count
      else this.counts.dropped += count
    }
    this.#pump = undefined
  }

  #take(): Batch {
    let bytes = 0
    let last = 0
    while (last < this.#waiting.length && bytes < writeBytes) bytes += this.#waiting[last++]!.lines.length
    const taken = this.#waiting.splice(0, last)
    return { lines: taken.map((batch) => batch.lines).join(''), count: taken.reduce((sum, batch) => sum + batch.count, 0) }
  }

  /** Writes all bytes, trying again after an error; false when it was given up. */
  async #append(bytes: Buffer): Promise<boolean> {
    let done = 0
    while (done < bytes.length) {
      try {
        const file = await this.#currentFile()
        done += (await file.write(bytes, done)).bytesWritten
      } catch (error) {
        this.#parts.onError(error)
        await this.#closeFile()
        if (!(await this.#wait())) return false
      }
    }
    return true
  }

  async #wait(): Promise<boolean> {
    return sleep(retryAfterMs, true, { signal: this.#giveUp.signal }).catch(() => false)
  }

  async #currentFile(): Promise<FileHandle> {
    const now = performance.now()
    if (this.#file !== undefined && now - this.#checkedAt >= checkEveryMs) {
      this.#checkedAt = now
      if ((await inodeAt(this.#path)) !== this.#inode) await this.#closeFile()
    }
    return (this.#file ??= await this.#open(now))
  }

  async #open(now: number): Promise<FileHandle> {
    await mkdir(dirname(this.#path), { recursive: true })
    const file = await open(this.#path, 'a', 0o640)
    this.#inode = (await file.stat()).ino
    this.#checkedAt = now
    return file
  }

  async #closeFile(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.close().catch(this.#parts.onError)
  }
}

async function inodeAt(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).ino
  } catch {
    return undefined
  }
}
