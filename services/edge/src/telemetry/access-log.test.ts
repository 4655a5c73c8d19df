import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { waitUntil } from '@sluice/testkit'
import { AccessLog, openAccessLog, tendAccessLog } from './access-log.ts'
import { finished, KeepingExporter } from './test/finished.ts'

const failing = {
  onError(error: unknown) {
    throw error
  },
}

suite('the access log of a worker', () => {
  test('lines are gathered and leave together, whole', () => {
    const exporter = new KeepingExporter()
    const log = new AccessLog(exporter)
    for (let i = 0; i < 1000; i++) log.add(finished({ path: `/${i}` }))
    assert.ok(exporter.batches.length > 1, 'at 64 KiB they leave by themselves')
    assert.ok(exporter.batches.every((batch) => batch.endsWith('\n') && batch.length <= 65_536))
    log.flush()
    log.flush()
    assert.deepEqual(exporter.lines.map((line) => (JSON.parse(line) as { path: string }).path), Array.from({ length: 1000 }, (_, index) => `/${index}`))
    assert.equal(exporter.counts.written, 1000)
  })

  test('a line that is longer than what is gathered at once is written all the same', () => {
    const exporter = new KeepingExporter()
    const log = new AccessLog(exporter)
    log.add(finished({ path: '/first' }))
    log.add(finished({ path: `/${'x'.repeat(100_000)}` }))
    log.flush()
    assert.deepEqual(exporter.lines.map((line) => (JSON.parse(line) as { path: string }).path.length), [6, 100_001])
  })

  test('nothing is opened when nothing is configured', async () => {
    assert.equal(await openAccessLog(undefined, failing), undefined)
    await (await tendAccessLog(undefined, failing)).stop()
  })

  test('a configured file is written to, and rotated by the one who tends it', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-access-log-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const settings = { file: join(folder, 'access.log'), rotateMb: 1, retentionDays: 1 }
    const exporter = await openAccessLog(settings, failing)
    assert.ok(exporter)
    const log = new AccessLog(exporter)
    log.add(finished())
    log.flush()
    await exporter.close()
    assert.equal(readFileSync(settings.file, 'utf8').split('\n').length, 2)
    writeFileSync(settings.file, 'x'.repeat(1_000_000))
    const tender = await tendAccessLog(settings, failing)
    await waitUntil(() => readdirSync(folder).some((name) => name.startsWith('access.log.')))
    await tender.stop()
  })
})
