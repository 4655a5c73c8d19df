// DI3, DI4, DI5: the failure matrix, row by row. `SLUICE_MATRIX_ROWS` (a pattern over the rows' ids) takes some rows only, also those that passed before.
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { startProcess } from '@sluice/testkit'
import { ownNetwork } from '../modes/zones/namespaces.ts'
import { readResults, rowsToRun, writePage } from './results.ts'
import type { Row } from './row.ts'
import { rows } from './rows/index.ts'
import { cannot, runInZones, runTests } from './run-rows.ts'

const inside = process.env.SLUICE_MATRIX_INSIDE

if (inside === undefined) test('the failure matrix', (t) => runMatrix(t))
else await runInZones(rows.filter(({ id }) => inside.split(',').includes(id)))

async function runMatrix(t: TestContext): Promise<void> {
  const wanted = rowsToRun(rows, process.env.SLUICE_MATRIX_ROWS)
  t.after(() => writePage(rows))
  await runZoneRows(t, wanted.filter(({ run }) => run !== undefined))
  for (const row of wanted) {
    await t.test(row.fault, async (inner) => {
      const result = row.run === undefined ? await resultWithoutZones(inner, row) : readResults()[row.id]
      assert.notEqual(result, undefined, 'the row was not run')
      assert.notEqual(result?.verdict, 'fail', `${result?.measured.join('; ')}`)
      if (result?.verdict === 'cannot run here') inner.skip(result.measured.join())
    })
    writePage(rows)
  }
}

/** In one process with a network of its own, which this one cannot enter itself. */
async function runZoneRows(t: TestContext, wanted: readonly Row[]): Promise<void> {
  const network = ownNetwork()
  const possible: Row[] = []
  for (const row of wanted) {
    const reason = network === undefined ? 'network namespaces are not permitted on this machine' : row.cannot?.()
    if (reason === undefined) possible.push(row)
    else cannot(row, reason)
  }
  if (network === undefined || possible.length === 0) return
  const [command = '', ...args] = network
  const running = startProcess(t, command, [...args, process.execPath, import.meta.filename], { env: { SLUICE_MATRIX_INSIDE: possible.map(({ id }) => id).join() } })
  const page = setInterval(() => writePage(rows), 60_000)
  const { code } = await running.exited.finally(() => clearInterval(page))
  t.diagnostic(running.stdout())
  assert.equal(code, 0, running.stderr().slice(-4000))
}

async function resultWithoutZones(t: TestContext, row: Row) {
  const reason = row.cannot?.()
  return reason === undefined ? runTests(t, row) : cannot(row, reason)
}
