/** A bus for somebody who may not say and hear everything: what a NATS server's permissions do, where there is no server in between. */
import { SluiceError } from '@sluice/errors'
import type { Bus, MessageHandler, SubscribeOptions, Subscription } from './bus.ts'
import { unreachable } from './bus-errors.ts'

export interface Permissions {
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
}

export interface PermittedOptions extends Permissions {
  readonly maxSubscriptions: number
  /** Questions under way at once. */
  readonly maxRequests: number
  /** No question waits longer than this, whatever is asked for. */
  readonly maxTimeoutMs: number
  /** Told the subject of what was not permitted. */
  readonly onDenied?: (subject: string) => void
}

/** `bus` with only those subjects: publishing elsewhere is dropped and counted, asking is `admin.forbidden`, subscriptions never hear anything. */
export function permittedBus(bus: Bus, options: PermittedOptions): Bus {
  return new PermittedBus(bus, options)
}

class PermittedBus implements Bus {
  readonly #bus: Bus
  readonly #options: PermittedOptions
  #subscriptions = 0
  #requests = 0

  constructor(bus: Bus, options: PermittedOptions) {
    this.#bus = bus
    this.#options = options
  }

  get status() {
    return this.#bus.status
  }

  get counts() {
    return this.#bus.counts
  }

  publish(subject: string, data: Uint8Array): void {
    if (this.#permits('publish', subject)) this.#bus.publish(subject, data)
    else this.#bus.counts.dropped++
  }

  subscribe(subject: string, handler: MessageHandler, options?: SubscribeOptions): Subscription {
    if (!this.#permits('subscribe', subject) || this.#subscriptions >= this.#options.maxSubscriptions) return { unsubscribe: () => {} }
    const subscription = this.#bus.subscribe(subject, handler, options)
    this.#subscriptions++
    let isKept = true
    return {
      unsubscribe: () => {
        if (isKept) this.#subscriptions--
        isKept = false
        subscription.unsubscribe()
      },
    }
  }

  async request(subject: string, data: Uint8Array, { timeoutMs }: { timeoutMs: number }): Promise<Uint8Array> {
    if (!this.#permits('publish', subject)) throw new SluiceError('admin.forbidden', { detail: `Nobody may ask on ${subject} from here` })
    if (this.#requests >= this.#options.maxRequests) throw unreachable()
    this.#requests++
    try {
      return await this.#bus.request(subject, data, { timeoutMs: Math.min(Math.max(1, timeoutMs || 0), this.#options.maxTimeoutMs) })
    } finally {
      this.#requests--
    }
  }

  onStatus(listener: Parameters<Bus['onStatus']>[0]): Subscription {
    return this.#bus.onStatus(listener)
  }

  flush(): Promise<void> {
    return this.#bus.flush()
  }

  drain(): Promise<void> {
    // The bus is another's.
    return this.#bus.flush().catch(() => {})
  }

  #permits(what: keyof Permissions, subject: string): boolean {
    if (this.#options[what].some((pattern) => covers(pattern, subject))) return true
    this.#options.onDenied?.(subject)
    return false
  }
}

/** Whether everything that `subject`, which may have wildcards, stands for is also what `pattern` stands for. */
function covers(pattern: string, subject: string): boolean {
  const [wanted, asked] = [pattern.split('.'), subject.split('.')]
  for (const [index, token] of wanted.entries()) {
    const other = asked[index]
    if (other === undefined) return false
    if (token === '>') return true
    if (other === '>' || (token !== '*' && token !== other)) return false
  }
  return wanted.length === asked.length
}
