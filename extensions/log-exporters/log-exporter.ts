/**
 * The contract of a log exporter: where access records go. Every worker opens its own and hands it whole lines,
 * gathered (about 100 ms of them at a time); what one process on a machine does for all of them, such as rotating a
 * file, is `tend`.
 *
 * The rules every exporter keeps (tested by `log-exporter.contract.ts`):
 * - `write` returns at once, whatever the destination does. What waits is bounded by `maxPendingBytes`; beyond it whole
 *   batches are dropped and `counts.dropped` tells how many lines.
 * - lines of one exporter arrive in order, each whole, never mixed with another process's lines.
 * - an error is told to `onError` and tried again; it neither throws nor ends the process.
 * - `close` writes what waits, gives up after `closeTimeoutMs`, and counts what it gave up as dropped.
 * What a SIGKILL loses is what waited: the caller's gathering time and the write under way.
 */
import type { z } from 'zod'

export interface LogExporter {
  /** Takes `count` lines, each ended by `\n`. Never waits, never throws. */
  write(lines: string, count: number): void
  readonly counts: LogExporterCounts
  /** Resolves once all that was taken is with the operating system, or was given up. */
  flush(): Promise<void>
  /** Takes no more lines. May be called again. */
  close(): Promise<void>
}

export interface LogExporterCounts {
  /** Lines that are with the operating system. */
  written: number
  dropped: number
}

export interface LogExporterParts {
  /** May come ten times a second while the destination is away; log it once a minute. */
  readonly onError: (error: unknown) => void
  /** Wall clock in ms; for the names and ages of files. */
  readonly now?: () => number
}

/** The work that one process does for all that write to the same destination. */
export interface Tender {
  stop(): Promise<void>
}

export interface LogExporterModule<S = never> {
  createExporter(settings: S, parts: LogExporterParts): LogExporter
  tend?(settings: S, parts: LogExporterParts): Tender
}

export interface LogExporterSchema<S = unknown> {
  readonly name: string
  readonly settings: z.ZodType<S>
}

export interface LogExporterEntry extends LogExporterSchema {
  load(): Promise<LogExporterModule>
}

/** Bytes that may wait in one process before lines are dropped. */
export const maxPendingBytes = 16 * 1024 * 1024
/** How long `close` tries to get rid of what waits. */
export const closeTimeoutMs = 2000
