import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { startProcess, waitUntil } from '@sluice/testkit'
import { exporterParts, logExporterContract, temporaryFolder } from '../log-exporter.contract.ts'
import { createExporter, tend } from './file.ts'
import { schema } from './schema.ts'

const settingsFor = (file: string, more: object = {}) => schema.settings.parse({ file, ...more })
const linesOf = (file: string) => readFileSync(file, 'utf8').split('\n').slice(0, -1)

logExporterContract('file', (t, parts) => {
  const file = join(temporaryFolder(t), 'logs', 'access.log')
  return { exporter: createExporter(settingsFor(file), parts), arrived: () => linesOf(file) }
})

suite('log exporter file: one file, several processes', () => {
  test('lines of several processes stand whole in one file', async (t) => {
    const file = join(temporaryFolder(t), 'access.log')
    const script = `
      const { createExporter } = await import(${JSON.stringify(new URL('./file.ts', import.meta.url).href)})
      const exporter = createExporter({ file: process.argv[1] }, { onError(error) { throw error } })
      for (let i = 0; i < 2000; i++) {
        exporter.write((process.pid + ':' + i + ':' + 'x'.repeat(i % 700) + ':end\\n').repeat(5), 5)
        if (i % 20 === 0) await new Promise((next) => setImmediate(next))
      }
      await exporter.close()`
    const processes = [1, 2, 3].map(() => startProcess(t, process.execPath, ['--input-type=module', '-e', script, file]))
    for (const { exited } of processes) assert.equal((await exited).code, 0)
    const lines = linesOf(file)
    assert.equal(lines.length, 30_000)
    for (const line of lines) assert.match(line, /^\d+:\d+:x*:end$/)
  })

  test('after a rotation by another process lines go to the new file, and none is lost', async (t) => {
    const folder = temporaryFolder(t)
    const file = join(folder, 'access.log')
    const exporter = createExporter(settingsFor(file), exporterParts())
    t.after(() => exporter.close())
    exporter.write('first\n', 1)
    await exporter.flush()
    renameSync(file, join(folder, 'aside'))
    let written = 1
    await waitUntil(async () => {
      exporter.write(`${written++}\n`, 1)
      await exporter.flush()
      return existsSync(file)
    })
    assert.equal(linesOf(join(folder, 'aside')).length + linesOf(file).length, written)
  })

  test('while the file cannot be written lines wait, and arrive once it can', async (t) => {
    const file = join(temporaryFolder(t), 'access.log')
    mkdirSync(file)
    const errors: unknown[] = []
    const exporter = createExporter(settingsFor(file), exporterParts(errors))
    t.after(() => exporter.close())
    exporter.write('patient\n', 1)
    await waitUntil(() => errors.length > 0)
    rmdirSync(file)
    await exporter.flush()
    assert.deepEqual(linesOf(file), ['patient'])
  })

  test('closing gives up on a file that cannot be written, and counts what was lost', async (t) => {
    const file = join(temporaryFolder(t), 'access.log')
    mkdirSync(file)
    const exporter = createExporter(settingsFor(file), exporterParts([]))
    exporter.write('lost\n', 1)
    await exporter.close()
    assert.deepEqual(exporter.counts, { written: 0, dropped: 1 })
  })
})

suite('log exporter file: rotation', () => {
  const day = 86_400_000

  test('a file that has grown to the size is put aside under its time', async (t) => {
    const folder = temporaryFolder(t)
    const file = join(folder, 'access.log')
    writeFileSync(file, 'x'.repeat(1_000_000))
    const tender = tend(settingsFor(file, { rotateMb: 1 }), { ...exporterParts(), now: () => Date.UTC(2026, 0, 2, 3, 4, 5, 6) })
    await waitUntil(() => !existsSync(file))
    await tender.stop()
    assert.deepEqual(readdirSync(folder), ['access.log.2026-01-02T03-04-05.006Z'])
  })

  test('a smaller file stays, and a missing one is no error', async (t) => {
    const folder = temporaryFolder(t)
    const file = join(folder, 'access.log')
    await tend(settingsFor(file, { rotateMb: 1 }), exporterParts()).stop()
    writeFileSync(file, 'x'.repeat(999_999))
    await tend(settingsFor(file, { rotateMb: 1 }), exporterParts()).stop()
    assert.deepEqual(readdirSync(folder), ['access.log'])
  })

  test('files put aside longer than the retention are removed, and nothing else', async (t) => {
    const folder = temporaryFolder(t)
    const now = Date.now()
    const names = ['access.log', 'access.log.2026-01-01T00-00-00.000Z', 'access.log.2026-01-02T00-00-00.000Z', 'access.log.bak', 'other.log.2026-01-01T00-00-00.000Z']
    for (const name of names) {
      writeFileSync(join(folder, name), '')
      const ageDays = name.includes('01-02') ? 6.9 : 7.1
      utimesSync(join(folder, name), new Date(now), new Date(now - ageDays * day))
    }
    await tend(settingsFor(join(folder, 'access.log'), { retentionDays: 7 }), { ...exporterParts(), now: () => now }).stop()
    assert.deepEqual(readdirSync(folder).sort(), names.filter((name) => name !== names[1]).sort())
  })
})
