import type { EnterReply, OpenChange, OpenRequestsMessage } from './open-requests.ts'

export interface Entry {
  readonly entered: boolean
  /** Open under the key, this one included; undefined when the parent did not say. */
  readonly open: number | undefined
}

interface Waiting {
  readonly key: string
  readonly since: number
  readonly resolve: (entry: Entry) => void
}

/** Answers that are waited for; beyond it the parent is too far behind to ask. */
const maxWaiting = 10_000
const timeoutMs = 1000
const unknown: Entry = { entered: false, open: undefined }

/** A worker's side: asks the parent, and never waits for it longer than a second. */
export class ParentOpenRequests {
  private readonly send: (message: OpenRequestsMessage) => void
  private readonly waiting = new Map<number, Waiting>()
  /** Questions that nobody waits for any more; what they got is returned when the answer comes. */
  private readonly abandoned = new Map<number, string>()
  private gathered: OpenChange[] = []
  private nextId = 1
  private readonly sweeper: NodeJS.Timeout

  constructor(send: (message: OpenRequestsMessage) => void) {
    this.send = send
    this.sweeper = setInterval(() => this.sweep(), timeoutMs).unref()
  }

  enter(key: string, limit: number): Promise<Entry> {
    if (this.waiting.size + this.abandoned.size >= maxWaiting) return Promise.resolve(unknown)
    const id = this.nextId++
    this.gather({ key, id, limit })
    return new Promise((resolve) => this.waiting.set(id, { key, since: performance.now(), resolve }))
  }

  leave(key: string): void {
    this.gather({ key, id: 0, limit: 0 })
  }

  onReplies(replies: readonly EnterReply[]): void {
    for (const { id, entered, open } of replies) {
      this.waiting.get(id)?.resolve({ entered, open })
      this.waiting.delete(id)
      const key = this.abandoned.get(id)
      this.abandoned.delete(id)
      if (key !== undefined && entered) this.leave(key)
    }
  }

  close(): void {
    clearInterval(this.sweeper)
  }

  private gather(change: OpenChange): void {
    if (this.gathered.length === 0) setImmediate(() => this.flush())
    this.gathered.push(change)
  }

  private flush(): void {
    const changes = this.gathered
    this.gathered = []
    this.send({ kind: 'open-requests', changes })
  }

  private sweep(): void {
    const before = performance.now() - timeoutMs
    for (const [id, { key, since, resolve }] of this.waiting) {
      if (since > before) return
      this.waiting.delete(id)
      this.abandoned.set(id, key)
      resolve(unknown)
    }
  }
}
