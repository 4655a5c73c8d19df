/**
 * Lines on standard output. Written by sonic-boom, off the event loop: `process.stdout` on a pipe blocks the process
 * while its reader is slow. Workers share the pipe, and a write of more than PIPE_BUF (4096 bytes on Linux) may be
 * mixed with another process's, so lines go out in groups of at most that size; only a longer line is at risk.
 */
import sonic, { type SonicBoom } from 'sonic-boom'
import { closeTimeoutMs, maxPendingBytes, type LogExporter, type LogExporterCounts, type LogExporterParts } from '../log-exporter.ts'
import type { StdoutSettings } from './schema.ts'

const pipeBufferBytes = 4096

export function createExporter(_settings: StdoutSettings, parts: LogExporterParts): LogExporter {
  return exportTo(1, parts)
}

/** An exporter to an open descriptor, which stays open after `close`. */
export function exportTo(descriptor: number, parts: LogExporterParts): LogExporter {
  return new DescriptorExporter(descriptor, parts)
}

class DescriptorExporter implements LogExporter {
  readonly counts: LogExporterCounts = { written: 0, dropped: 0 }
  readonly #stream: SonicBoom
  /** Groups that wait: bytes and lines of each, in order. */
  readonly #groups: { bytes: number; lines: number }[] = []
  #waitingBytes = 0
  #writtenBytes = 0
  #isClosed = false
  #idle: (() => void)[] = []

  constructor(descriptor: number, parts: LogExporterParts) {
    this.#stream = new sonic.SonicBoom({ fd: descriptor, sync: false, maxWrite: pipeBufferBytes })
    this.#stream.on('error', parts.onError)
    this.#stream.on('write', (bytes) => this.#noteWritten(bytes))
  }

  write(lines: string, count: number): void {
    const bytes = Buffer.byteLength(lines)
    if (this.#isClosed || this.#waitingBytes + bytes > maxPendingBytes) {
      this.counts.dropped += count
      return
    }
    this.#groups.push({ bytes, lines: count })
    this.#waitingBytes += bytes
    for (const group of splitLines(lines)) this.#stream.write(group)
  }

  flush(): Promise<void> {
    return this.#waitingBytes === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve))
  }

  async close(): Promise<void> {
    if (this.#isClosed) return this.flush()
    this.#isClosed = true
    const timer = setTimeout(() => this.#giveUp(), closeTimeoutMs)
    await this.flush()
    clearTimeout(timer)
  }

  #noteWritten(bytes: number): void {
    if (this.#groups.length === 0) return
    this.#waitingBytes -= bytes
    this.#writtenBytes += bytes
    while (this.#groups.length > 0 && this.#groups[0]!.bytes <= this.#writtenBytes) {
      const group = this.#groups.shift()!
      this.#writtenBytes -= group.bytes
      this.counts.written += group.lines
    }
    if (this.#waitingBytes === 0) this.#tellIdle()
  }

  #giveUp(): void {
    for (const group of this.#groups.splice(0)) this.counts.dropped += group.lines
    this.#waitingBytes = 0
    this.#tellIdle()
  }

  #tellIdle(): void {
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}

/** Groups of whole lines of at most PIPE_BUF bytes each; a longer line stands alone. */
function* splitLines(lines: string): Generator<string> {
  let from = 0
  let bytes = 0
  for (let start = 0; start < lines.length; ) {
    const end = lines.indexOf('\n', start) + 1 || lines.length
    const lineBytes = Buffer.byteLength(lines.slice(start, end))
    if (bytes + lineBytes > pipeBufferBytes && start > from) {
      yield lines.slice(from, start)
      from = start
      bytes = 0
    }
    bytes += lineBytes
    start = end
  }
  if (from < lines.length) yield lines.slice(from)
}
