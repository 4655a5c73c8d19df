/** Requests at an even rate, whatever their answers do: what an open world of clients is like. */
import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Latencies } from './latencies.ts'

const lanes = 64

export class PacedTraffic {
  readonly latencies = new Latencies()
  private readonly ask: (agent: Agent) => Promise<void>
  private readonly agent = new Agent({ keepAlive: true, maxSockets: lanes })

  /** `ask` makes one request and resolves with its answer; what breaks is its own to tell. */
  constructor(ask: (agent: Agent) => Promise<void>) {
    this.ask = ask
  }

  /** Requests a second when each of 64 connections asks again at once. */
  async saturation(seconds: number): Promise<number> {
    const [began, until] = [performance.now(), performance.now() + seconds * 1000]
    let count = 0
    const lane = async (): Promise<void> => {
      for (; performance.now() < until; count++) await this.ask(this.agent)
    }
    await Promise.all(Array.from({ length: lanes }, lane))
    return (count * 1000) / (performance.now() - began)
  }

  /** Until `isRunning` says no. No more than a second's requests wait for their answer: the rest is not made. */
  async run(ratePerSecond: number, isRunning: () => boolean): Promise<void> {
    const began = performance.now()
    let [made, waiting] = [0, 0]
    for (; isRunning(); await sleep(5)) {
      for (const due = ((performance.now() - began) * ratePerSecond) / 1000; made < due; made++) {
        if (waiting >= ratePerSecond) continue
        const asked = performance.now()
        waiting++
        void this.ask(this.agent).finally(() => {
          waiting--
          this.latencies.add(performance.now() - asked)
        })
      }
    }
    while (waiting > 0) await sleep(5)
    this.agent.destroy()
  }
}
