import { randomUUID } from 'node:crypto'
import type { Bus, BusMessage, SubscribeOptions } from './bus.ts'

export interface Network {
  /** A bus that is connected. Each call gives another member of this network, where there can be several. */
  join(): Promise<Bus>
  /** Called when all that joined have been drained. */
  end?(): Promise<void>
}

/** Two members of one network. */
export type Both = () => { bus: Bus; peer: Bus }

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
export const text = (data: Uint8Array): string => new TextDecoder().decode(data)
/** A subject that no other test uses. */
export const own = (): string => `t.${randomUUID()}`
export const hasCode = (code: string) => (error: unknown) => (error as { code?: unknown }).code === code

/** What arrives on `subject`, as it comes; in force when the promise resolves. */
export async function collect(bus: Bus, subject: string, options: SubscribeOptions = {}): Promise<BusMessage[]> {
  const messages: BusMessage[] = []
  bus.subscribe(subject, (message) => void messages.push(message), options)
  await bus.flush()
  return messages
}
