import { setTimeout as sleep } from 'node:timers/promises'
import { answerOf } from '../../modes/zones/zoned.ts'
import type { MatrixSystem } from '../matrix-system.ts'
import { type Row, type RowContext, share } from '../row.ts'

const killsAfterCommit = Math.max(20, Math.round(100 * share))
const revisionsShown = 500

async function revisionsOf({ system }: MatrixSystem): Promise<number[]> {
  const { items } = (await system.admin('GET', `/v1/revisions?limit=${revisionsShown}`)).json<{ items: { revision: number }[] }>()
  return items.map(({ revision }) => revision).toReversed()
}

/** Whether each number follows the one before. */
function isLine(revisions: readonly number[]): boolean {
  return revisions.every((revision, index) => index === 0 || revision === revisions[index - 1]! + 1)
}

async function killControl(context: RowContext): Promise<void> {
  const { matrix, load } = context
  const control = matrix.zoned.service('control')
  const before = await context.quietSpan()
  const revisions = await revisionsOf(matrix)
  context.after(async () => void (control.isRunning || (await control.start())))
  const from = performance.now()
  await control.kill()
  const asked = performance.now()
  const answer = await answerOf(`${matrix.system.adminUrl}/v1/status`)
  context.check(answer === 'ECONNREFUSED' && performance.now() - asked < 1000, `the admin port: ${answer} after ${Math.round(performance.now() - asked)} ms`)
  await context.hold(5)
  context.clean(before, load.between(from, performance.now()))
  const starting = performance.now()
  await control.start()
  const seconds = (performance.now() - starting) / 1000
  context.check(seconds <= 10, `back after ${seconds.toFixed(1)} s`)
  await matrix.zoned.settled()
  const after = await revisionsOf(matrix)
  context.check(JSON.stringify(after) === JSON.stringify(revisions) && isLine(after), `${after.length} revisions before and after, in one line`)
}

/** Killed at an instant that moves through a write: before its commit, between that and what follows, after its answer. */
async function killAfterCommits(context: RowContext): Promise<void> {
  const { matrix } = context
  const control = matrix.zoned.service('control')
  context.after(async () => void (control.isRunning || (await control.start())))
  const began = performance.now()
  await matrix.change('not killed')
  const usualMs = performance.now() - began
  const outcomes = { 'not committed': 0, 'committed without an answer': 0, 'answered and committed': 0, 'answered and lost': 0 }
  let slowest = 0
  for (let round = 0; round < killsAfterCommit; round++) {
    const body = `killed ${round}`
    const { isAnswered, isCommitted } = await killDuring(matrix, body, (usualMs * 1.5 * round) / killsAfterCommit)
    outcomes[isAnswered ? (isCommitted ? 'answered and committed' : 'answered and lost') : isCommitted ? 'committed without an answer' : 'not committed']++
    if (isCommitted) slowest = Math.max(slowest, await matrix.reaches(body, 15_000))
  }
  context.check(outcomes['answered and lost'] === 0, `${killsAfterCommit} kills: ${Object.entries(outcomes).map(([what, often]) => `${often} ${what}`).join(', ')}`)
  context.check(slowest <= 3000, `every edge ran what was committed at most ${slowest} ms after control was ready again`)
  context.check(isLine(await revisionsOf(matrix)), 'the log is one line')
}

async function killDuring(matrix: MatrixSystem, body: string, afterMs: number): Promise<{ isAnswered: boolean; isCommitted: boolean }> {
  const control = matrix.zoned.service('control')
  const written = matrix.change(body).then(({ status }) => status === 200, () => false)
  await sleep(afterMs)
  await control.kill()
  const isAnswered = await written
  await control.start()
  const isCommitted = (await matrix.system.admin('GET', '/v1/routes/versioned')).body.includes(`"${body}"`)
  return { isAnswered, isCommitted }
}

export const controlRows: readonly Row[] = [
  { id: 'control-killed', fault: 'all control instances SIGKILL, 5 min', expectation: 'clean; the admin port refuses at once; back within 10 s, no revision lost or repeated', run: killControl },
  { id: 'control-killed-after-commit', fault: 'control killed between commit and announcement (×100)', expectation: 'all edges at the revision within 3 s; the log contiguous', run: killAfterCommits },
  {
    id: 'eight-writers',
    fault: 'two admins, 8 writers, 1000 commits, one control paused',
    expectation: 'contiguous, every 200 in the log once, every loser 412 or rebased',
    tests: [{ file: 'services/control/test/concurrent-writes.test.ts' }, { file: 'extensions/config-stores/test/concurrent-commits.long.ts' }],
  },
]
