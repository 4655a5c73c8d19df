/**
 * An upstream and clients of the soak in a process of their own: what they cost delays nobody who accepts connections, and whoever asks at an
 * even rate waits for the gateway alone, not for bodies of a gigabyte that its own process sends.
 */
import type { Cleanup } from '@sluice/testkit'
import type { FromLoad, ToLoad } from './load-messages.ts'
import { SoakTraffic } from './soak-traffic.ts'
import { startSoakUpstream } from './soak-upstream.ts'

const reportMs = 1000
const cleanups: (() => void | Promise<void>)[] = []
const whole: Cleanup = { after: (clearUp) => void cleanups.push(clearUp) }
const ends = { kills: 0, replaced: 0 }
let traffic: SoakTraffic | undefined

const tell = (message: FromLoad): void => void process.send?.(message)
const report = (): void => {
  if (traffic !== undefined) tell({ kind: 'report', done: traffic.done, failures: traffic.failures, idle: traffic.openIdle, latencies: traffic.latencies, ratePerSecond: traffic.ratePerSecond })
}

process.on('message', (message: ToLoad) => {
  if (message.kind === 'ends') Object.assign(ends, message.ends)
  else if (message.kind === 'begin') {
    traffic = new SoakTraffic({ ...message.place, kills: () => ends.kills, endings: () => ends.kills + ends.replaced })
    traffic.start(message)
  } else void stop()
})
process.on('disconnect', () => process.exit(1))
const timer = setInterval(report, reportMs)
tell({ kind: 'upstream', url: await startSoakUpstream(whole) })

async function stop(): Promise<void> {
  clearInterval(timer)
  await traffic?.stop()
  report()
  tell({ kind: 'stopped' })
  for (const clearUp of cleanups) await clearUp()
}
