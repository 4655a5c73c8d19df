import { request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import type { Duplex } from 'node:stream'
import { relayPath, relayProtocol } from '../relay-door.ts'

export interface Opened {
  readonly socket: Duplex
  /** What came behind the answer. */
  readonly head: Uint8Array
}

/** A connection to the control at `url` that has become a relay's. Rejects when it cannot be had within `timeoutMs`, or when `signal` says so. */
export function openConnection(url: string, { token, timeoutMs, signal }: { token: string; timeoutMs: number; signal: AbortSignal }): Promise<Opened> {
  const target = new URL(relayPath, url)
  const ask = target.protocol === 'https:' ? requestHttps : requestHttp
  return new Promise((resolve, reject) => {
    const headers = { connection: 'Upgrade', upgrade: relayProtocol, authorization: `Bearer ${token}` }
    const request = ask(target, { headers, agent: false, signal })
    const late = setTimeout(() => request.destroy(new Error(`${target.host} did not answer within ${timeoutMs} ms`)), timeoutMs)
    const settle = (act: () => void) => {
      clearTimeout(late)
      act()
    }
    request.once('upgrade', (_answer, socket, head) => settle(() => resolve({ socket, head })))
    request.once('response', (answer) => {
      answer.resume()
      settle(() => reject(new Error(`${target.host} answered ${answer.statusCode} instead of opening the bus`)))
      request.destroy()
    })
    request.once('error', (error) => settle(() => reject(error)))
    request.end()
  })
}
