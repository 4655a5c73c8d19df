/** How many tokens an answer of a language model says it cost, read while it passes. */
import { EventLines } from './event-lines.ts'
import { JsonUsage } from './json-usage.ts'

/** The names that OpenAI, Anthropic, Google and those who speak like them use. */
const fieldNames = {
  total: ['total_tokens', 'totalTokens', 'totalTokenCount'],
  input: ['input_tokens', 'prompt_tokens', 'inputTokens', 'promptTokenCount'],
  output: ['output_tokens', 'completion_tokens', 'outputTokens', 'candidatesTokenCount'],
} as const

export type CountedTokens = keyof typeof fieldNames

/** Of English text; event streams wrap it in several times as much. */
const bytesPerToken = 4

export class AnswerTokens {
  private readonly said: Partial<Record<CountedTokens, number>> = {}
  private readonly reader: { push(piece: Uint8Array): void }
  private bytes = 0

  /** `isStream`: the answer is an event stream; otherwise it is JSON. */
  constructor(isStream: boolean) {
    const usage = new JsonUsage((found) => this.note(found))
    this.reader = isStream ? new EventLines(usage) : usage
  }

  push(piece: Uint8Array): void {
    this.bytes += piece.length
    this.reader.push(piece)
  }

  /** Undefined when the answer has not said it. Of several reports the newest stands, field by field: a stream tells its input first and its output last. */
  reported(which: CountedTokens): number | undefined {
    const { total, input, output } = this.said
    if (which !== 'total') return this.said[which]
    return total ?? (input === undefined && output === undefined ? undefined : (input ?? 0) + (output ?? 0))
  }

  /** What an answer that does not say it is taken for. */
  get estimated(): number {
    return Math.ceil(this.bytes / bytesPerToken)
  }

  private note(usage: Readonly<Record<string, unknown>>): void {
    for (const which of ['total', 'input', 'output'] as const) {
      const found = fieldNames[which].map((name) => usage[name]).find((value) => typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER)
      if (found !== undefined) this.said[which] = Math.ceil(found as number)
    }
  }
}
