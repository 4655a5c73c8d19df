import type { Exchange } from '../exchange.ts'
import type { Answer, Policy } from '../policy.ts'
import { compileTemplate, fillField, type ValueTemplate } from '../value-template.ts'
import type { FixedResponseSettings } from './schema.ts'

export function compile(settings: FixedResponseSettings): Policy {
  return new FixedResponse(settings)
}

/** Answers in the upstream's place. An answer without holes in its fields is made once and sent every time. */
class FixedResponse implements Policy {
  private readonly answer: Answer
  private readonly fields: readonly (readonly [name: string, value: ValueTemplate])[]
  private readonly hasHoles: boolean

  constructor({ status, headers, body }: FixedResponseSettings) {
    const fields = Object.entries(headers).map(([name, text]) => [name, compileTemplate(text)] as const)
    const type = contentType(headers, body)
    if (type !== undefined) fields.unshift(['Content-Type', { literal: type, parts: [type] }])
    this.fields = fields
    this.hasHoles = fields.some(([, value]) => value.literal === undefined)
    const literals = fields.flatMap(([name, value]) => [name, value.literal ?? ''])
    this.answer = { kind: 'answer', status, headers: literals, body: typeof body === 'string' ? body : JSON.stringify(body) }
  }

  onRequest(exchange: Exchange): Answer {
    if (!this.hasHoles) return this.answer
    return { ...this.answer, headers: this.fields.flatMap(([name, value]) => [name, fillField(value, exchange)]) }
  }
}

/** The type of the body, undefined when it is set or there is none. */
function contentType(headers: Readonly<Record<string, string>>, body: FixedResponseSettings['body']): string | undefined {
  if (body === '' || Object.keys(headers).some((name) => name.toLowerCase() === 'content-type')) return undefined
  return typeof body === 'string' ? 'text/plain; charset=utf-8' : 'application/json'
}
