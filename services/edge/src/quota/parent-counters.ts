/**
 * The counters of the embedded mode as a worker sees them: they live in the parent, so that all workers count on the
 * same. What one turn of the event loop reads from all its sockets goes in one message: a message costs two system calls
 * and a change of process, which is more than the count itself.
 */
import { SluiceError } from '@sluice/errors'
import type { Counters, LimitRule, Take } from '@sluice/counters/counter'

export interface TakeRequest {
  readonly id: number
  readonly key: string
  readonly rule: LimitRule
  readonly cost: number
  /** Gives back or charges instead; nothing is answered. */
  readonly instead?: 'giveBack' | 'charge'
}

export interface TakeReply {
  readonly id: number
  /** Undefined: the counters could not answer. */
  readonly take: Take | undefined
}

interface Waiting {
  resolve(take: Take): void
  reject(error: Error): void
}

/** Takes that wait for an answer; beyond it the parent is too far behind to ask. */
const maxWaiting = 10_000
const timeoutMs = 1000

export class ParentCounters implements Pick<Counters, 'take' | 'giveBack' | 'charge'> {
  private readonly send: (takes: TakeRequest[]) => void
  private readonly waiting = new Map<number, Waiting & { since: number }>()
  private gathered: TakeRequest[] = []
  private nextId = 1
  private readonly sweeper: NodeJS.Timeout

  constructor(send: (takes: TakeRequest[]) => void) {
    this.send = send
    this.sweeper = setInterval(() => this.sweep(), timeoutMs).unref()
  }

  take(key: string, rule: LimitRule, cost: number): Promise<Take> {
    if (this.waiting.size >= maxWaiting) return Promise.reject(unreachable())
    const id = this.nextId++
    this.gather({ id, key, rule, cost })
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject, since: performance.now() }))
  }

  giveBack(key: string, rule: LimitRule, cost: number): void {
    this.gather({ id: 0, key, rule, cost, instead: 'giveBack' })
  }

  charge(key: string, rule: LimitRule, cost: number): void {
    this.gather({ id: 0, key, rule, cost, instead: 'charge' })
  }

  onReplies(replies: readonly TakeReply[]): void {
    for (const { id, take } of replies) {
      const waiting = this.waiting.get(id)
      if (waiting === undefined) continue
      this.waiting.delete(id)
      if (take === undefined) waiting.reject(unreachable())
      else waiting.resolve(take)
    }
  }

  close(): void {
    clearInterval(this.sweeper)
  }

  private gather(request: TakeRequest): void {
    if (this.gathered.length === 0) setImmediate(() => this.flush())
    this.gathered.push(request)
  }

  private flush(): void {
    const takes = this.gathered
    this.gathered = []
    this.send(takes)
  }

  private sweep(): void {
    const before = performance.now() - timeoutMs
    for (const [id, waiting] of this.waiting) {
      if (waiting.since > before) return
      this.waiting.delete(id)
      waiting.reject(unreachable())
    }
  }
}

function unreachable(): SluiceError {
  return new SluiceError('dependency.counters_unreachable')
}

/** The parent's side: answers a message's takes from its counters, in their order. */
export async function answerTakes(counters: Counters, requests: readonly TakeRequest[]): Promise<TakeReply[]> {
  const replies = await Promise.all(requests.map((request) => answerOne(counters, request)))
  return replies.filter((reply) => reply !== undefined)
}

async function answerOne(counters: Counters, { id, key, rule, cost, instead }: TakeRequest): Promise<TakeReply | undefined> {
  try {
    if (instead === undefined) return { id, take: await counters.take(key, rule, cost) }
    await counters[instead](key, rule, cost)
    return undefined
  } catch {
    return { id, take: undefined }
  }
}
