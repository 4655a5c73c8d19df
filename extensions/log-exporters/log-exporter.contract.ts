import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { maxPendingBytes, type LogExporter, type LogExporterParts } from './log-exporter.ts'

export interface OpenedExporter {
  readonly exporter: LogExporter
  /** All lines that have arrived. */
  arrived(): string[]
}

/** A folder that goes when the test ends. */
export function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-log-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Parts that fail the test on an error, unless it collects them. */
export function exporterParts(errors?: unknown[]): LogExporterParts {
  return {
    onError(error) {
      if (errors === undefined) throw error
      errors.push(error)
    },
  }
}

/** The tests that every log exporter passes. `open` makes one with `parts` whose destination works. */
export function logExporterContract(name: string, open: (t: TestContext, parts: LogExporterParts) => OpenedExporter): void {
  suite(`log exporter ${name}`, () => {
    test('lines arrive whole and in order, and are counted', async (t) => {
      const { exporter, arrived } = open(t, exporterParts())
      const lines = Array.from({ length: 3000 }, (_, index) => `{"line":${index},"path":"${'/ä'.repeat(index % 100)}"}`)
      for (let i = 0; i < lines.length; i += 3) exporter.write(`${lines.slice(i, i + 3).join('\n')}\n`, 3)
      await exporter.flush()
      assert.deepEqual(arrived(), lines)
      assert.deepEqual(exporter.counts, { written: 3000, dropped: 0 })
      await exporter.close()
    })

    test('what waits is written before close resolves, and nothing is taken after it', async (t) => {
      const { exporter, arrived } = open(t, exporterParts())
      exporter.write('one\n', 1)
      const closed = exporter.close()
      exporter.write('late\n', 1)
      await closed
      await exporter.close()
      assert.deepEqual(arrived(), ['one'])
      assert.deepEqual(exporter.counts, { written: 1, dropped: 1 })
    })

    test('what is more than may wait is dropped and counted, and writing goes on', async (t) => {
      const { exporter, arrived } = open(t, exporterParts())
      const batch = `${'x'.repeat(1024 * 1024 - 1)}\n`
      for (let i = 0; i < 40; i++) exporter.write(batch, 1)
      assert.equal(exporter.counts.dropped, 40 - maxPendingBytes / batch.length)
      await exporter.flush()
      exporter.write('after\n', 1)
      await exporter.flush()
      assert.equal(arrived().length, maxPendingBytes / batch.length + 1)
      assert.equal(arrived().at(-1), 'after')
      await exporter.close()
    })
  })
}
