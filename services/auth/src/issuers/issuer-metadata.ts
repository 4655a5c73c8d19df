/** What an issuer says of itself (OpenID Connect Discovery 1.0 §4, RFC 8414), kept for a while and read by one at a time. */
import { SluiceError } from '@sluice/errors'
import * as oauth from 'openid-client'
import { checkedUrl } from '../keysets/fetch-key-set.ts'
import { boundedFetch } from './bounded-fetch.ts'

const usualAgeMs = 3_600_000
/** After a failure, while what is known serves. */
const againMs = 10_000

interface Known {
  readonly metadata: oauth.ServerMetadata
  readonly atMs: number
}

export class IssuerMetadata {
  readonly #issuer: string
  readonly #insecure: boolean
  readonly #clock: { monotonic(): number }
  #known: Known | undefined
  #reading: Promise<oauth.ServerMetadata> | undefined
  #failedAtMs = -Infinity

  constructor(issuer: string, insecure: boolean, clock: { monotonic(): number }) {
    this.#issuer = issuer
    this.#insecure = insecure
    this.#clock = clock
  }

  /** What is old stays in use while no newer can be had. The same object for as long as the issuer says the same. */
  async get(timeoutMs: number): Promise<oauth.ServerMetadata> {
    const known = this.#known
    const now = this.#clock.monotonic()
    if (known !== undefined && (now - known.atMs < usualAgeMs || now - this.#failedAtMs < againMs)) return known.metadata
    return known === undefined ? this.#read(timeoutMs) : this.#read(timeoutMs).catch(() => known.metadata)
  }

  /** No older than `maxAgeMs`, or not at all. */
  async recent(timeoutMs: number, maxAgeMs: number): Promise<oauth.ServerMetadata> {
    const known = this.#known
    return known !== undefined && this.#clock.monotonic() - known.atMs < maxAgeMs ? known.metadata : this.#read(timeoutMs)
  }

  #read(timeoutMs: number): Promise<oauth.ServerMetadata> {
    this.#reading ??= this.#find(timeoutMs).finally(() => {
      this.#reading = undefined
    })
    return this.#reading
  }

  async #find(timeoutMs: number): Promise<oauth.ServerMetadata> {
    try {
      const found = await discover(this.#issuer, this.#insecure, timeoutMs)
      const before = this.#known?.metadata
      const metadata = before !== undefined && JSON.stringify(before) === JSON.stringify(found) ? before : found
      this.#known = { metadata, atMs: this.#clock.monotonic() }
      return metadata
    } catch (error) {
      this.#failedAtMs = this.#clock.monotonic()
      throw error
    }
  }
}

/** OpenID Connect's place for metadata, then that of RFC 8414. The issuer that it names must be the one that was asked for. */
async function discover(issuer: string, insecure: boolean, timeoutMs: number): Promise<oauth.ServerMetadata> {
  const url = checkAddress(issuer, insecure)
  const options = { timeout: timeoutMs / 1000, [oauth.customFetch]: boundedFetch, execute: [oauth.allowInsecureRequests] }
  const find = (algorithm: 'oidc' | 'oauth2') => oauth.discovery(url, 'metadata', undefined, oauth.None(), { ...options, algorithm })
  const found = await find('oidc').catch(() => find('oauth2'))
  return found.serverMetadata()
}

/** Throws `config.invalid` for an address that is not asked. */
export function checkAddress(address: string, insecure: boolean): URL {
  try {
    return checkedUrl(address, insecure)
  } catch (error) {
    throw new SluiceError('config.invalid', { detail: `the issuer's address: ${(error as Error).message}`, cause: error })
  }
}
