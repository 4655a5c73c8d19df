/**
 * `vault:MOUNT/PATH#FIELD`: HashiCorp Vault and OpenBao, key/value store version 2 (`GET /v1/MOUNT/data/PATH`). Settings are those
 * of their own command: `VAULT_ADDR`, `VAULT_TOKEN`, `VAULT_NAMESPACE`, `VAULT_CACERT`; `VAULT_TOKEN_FILE` is read at each
 * question, so that an agent may put another token into it.
 */
import { readFile } from 'node:fs/promises'
import { askJson, at, type JsonAnswer } from './ask-json.ts'
import { requireEncrypted } from './require-encrypted.ts'
import type { Environment } from './secret-source.ts'
import { NoSuchSecret, type StoredSecret } from './stored-secrets.ts'

export class Vault {
  readonly #environment: Environment

  constructor(environment: Environment) {
    this.#environment = environment
  }

  /** Rejects with `NoSuchSecret`, or with why Vault cannot be asked. */
  async read(path: string): Promise<StoredSecret> {
    const { status, body } = await this.ask('GET', apiPath(path))
    // A secret whose newest version was deleted is answered with 404, too.
    if (status === 404) throw new NoSuchSecret()
    if (status !== 200) throw new Error(`it answered ${status}`)
    const fields = at(body, 'data', 'data')
    if (typeof fields !== 'object' || fields === null) throw new Error('its answer is none of a key/value store version 2')
    return { fields: fields as Record<string, unknown> }
  }

  /** One question of its HTTP API. */
  async ask(method: 'GET' | 'POST', path: string): Promise<JsonAnswer> {
    const { VAULT_ADDR, VAULT_NAMESPACE, VAULT_CACERT } = this.#environment
    if (!VAULT_ADDR) throw new Error('VAULT_ADDR is not set')
    const address = requireEncrypted(VAULT_ADDR, 'VAULT_ADDR', this.#environment)
    const ca = VAULT_CACERT ? await readFile(VAULT_CACERT, 'utf8') : undefined
    const headers = { 'x-vault-token': await this.token(), 'x-vault-request': 'true', ...(VAULT_NAMESPACE && { 'x-vault-namespace': VAULT_NAMESPACE }) }
    return askJson({ url: new URL(path, address), method, headers, ca, ...(method === 'POST' && { body: '{}' }) })
  }

  async token(): Promise<string> {
    const { VAULT_TOKEN, VAULT_TOKEN_FILE } = this.#environment
    if (VAULT_TOKEN) return VAULT_TOKEN
    if (VAULT_TOKEN_FILE) return (await readFile(VAULT_TOKEN_FILE, 'utf8')).trim()
    throw new Error('neither VAULT_TOKEN nor VAULT_TOKEN_FILE is set')
  }
}

function apiPath(path: string): string {
  const [mount = '', ...rest] = path.split('/').map(encodeURIComponent)
  return `/v1/${mount}/data/${rest.join('/')}`
}
