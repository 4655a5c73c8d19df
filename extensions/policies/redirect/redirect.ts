import type { Exchange } from '../exchange.ts'
import type { Answer, Policy } from '../policy.ts'
import type { RedirectSettings } from './schema.ts'
import { compileTarget, type Target } from './target.ts'

export function compile(settings: RedirectSettings): Policy {
  return new Redirect(settings)
}

/** Sends the client elsewhere; a request that is there already goes on. */
class Redirect implements Policy {
  private readonly status: number
  private readonly target: Target
  private readonly fixed: Answer | undefined

  constructor({ to, status }: RedirectSettings) {
    this.status = status
    this.target = compileTarget(to)
    this.fixed = this.target.literal === undefined ? undefined : this.answer(this.target.literal)
  }

  onRequest(exchange: Exchange): Answer | undefined {
    const target = this.target.literal ?? this.target.fill(exchange)
    if (isHere(target, exchange)) return undefined
    return this.fixed ?? this.answer(target)
  }

  private answer(target: string): Answer {
    return { kind: 'answer', status: this.status, headers: ['Location', target], body: '' }
  }
}

/** To send a client to where it came from would send it round in circles. */
function isHere(target: string, { client, request: { host, path, query } }: Exchange): boolean {
  const here = query === '' ? path : `${path}?${query}`
  return target === (target.startsWith('/') ? here : `${client.scheme}://${host}${here}`)
}
