/** Backends that say on the bus what they have changed: JSON, the body of `POST /v1/cache/purge`. Whoever asks for a reply gets what that answers. */
import type { Bus, Subscription } from '@sluice/buses/bus'
import { subjects } from '@sluice/proto/subjects'
import { oncePerMinute, type Logger } from '@sluice/service-kit'
import type { CachePurges } from './cache-purges.ts'
import { purgeBody, purgedOf } from './purge-body.ts'

export interface CacheEventsParts {
  readonly bus: Bus
  readonly scope: string
  readonly logger: Logger
  readonly purges: CachePurges
}

const replyWithinMs = 2000

/** One control takes each event. */
export function followCacheEvents({ bus, scope, logger, purges }: CacheEventsParts): Subscription {
  const warn = oncePerMinute((problem, times, subject: string) => logger.warn({ problem, subject, times }, 'an event that was to purge responses cannot be read'))
  return bus.subscribe(
    subjects.cacheEvent(scope),
    async (message) => {
      const { data, wantsReply, subject } = message
      const body = parsed(data)
      if (typeof body === 'string') {
        bus.counts.malformed++
        warn(body, subject)
        return message.respond(encoded({ error: body }))
      }
      const receipt = await purges.purge(purgedOf(body), wantsReply ? replyWithinMs : undefined)
      if (receipt !== undefined) message.respond(encoded({ edges: { acknowledged: receipt.acknowledged, expected: receipt.expected, missing: receipt.missing } }))
    },
    { queue: 'control' },
  )
}

/** What is wrong with it, in a sentence. */
function parsed(data: Uint8Array): ReturnType<typeof purgeBody.parse> | string {
  try {
    const result = purgeBody.safeParse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data)))
    return result.success ? result.data : result.error.issues.map(({ path, message }) => [path.join('.'), message].filter(Boolean).join(': ')).join('; ')
  } catch {
    return 'expected JSON such as {"tags":["products"]}'
  }
}

function encoded(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value))
}
