import { randomBytes, randomInt } from 'node:crypto'

const idLetters = 'abcdefghijklmnopqrstuvwxyz0123456789'
const idLength = 12

export interface NewApiKey {
  readonly id: string
  /** 256 bits in hex. */
  readonly secret: string
  /** `sk_<id>_<secret>`: what the consumer sends. */
  readonly key: string
}

/** A new API key; its id is not secret, and long enough not to meet another one. */
export function newApiKey(): NewApiKey {
  const id = Array.from({ length: idLength }, () => idLetters[randomInt(idLetters.length)]).join('')
  const secret = randomBytes(32).toString('hex')
  return { id, secret, key: `sk_${id}_${secret}` }
}
