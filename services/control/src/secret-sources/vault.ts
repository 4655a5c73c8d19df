/**
 * `vault:MOUNT/PATH#FIELD`: HashiCorp Vault and OpenBao, key/value store version 2 (`GET /v1/MOUNT/data/PATH`). Settings are those
 * of their own command: `VAULT_ADDR`, `VAULT_TOKEN`, `VAULT_NAMESPACE`, `VAULT_CACERT`; `VAULT_TOKEN_FILE` is read at each
 * question, so that an agent may renew the token in it. Tokens are not renewed from here.
 */
import { readFile } from 'node:fs/promises'
import { askJson, at } from './ask-json.ts'
import { requireEncrypted } from './require-encrypted.ts'
import type { Environment } from './secret-source.ts'
import { NoSuchSecret, type StoredSecret } from './stored-secrets.ts'

export function vaultOf(environment: Environment): (path: string) => Promise<StoredSecret> {
  return async (path) => {
    const { VAULT_ADDR, VAULT_NAMESPACE, VAULT_CACERT } = environment
    if (!VAULT_ADDR) throw new Error('VAULT_ADDR is not set')
    const address = requireEncrypted(VAULT_ADDR, 'VAULT_ADDR', environment)
    const ca = VAULT_CACERT ? await readFile(VAULT_CACERT, 'utf8') : undefined
    const headers = { 'x-vault-token': await tokenOf(environment), 'x-vault-request': 'true', ...(VAULT_NAMESPACE && { 'x-vault-namespace': VAULT_NAMESPACE }) }
    const { status, body } = await askJson({ url: new URL(apiPath(path), address), headers, ca })
    // A secret whose newest version was deleted is answered with 404, too.
    if (status === 404) throw new NoSuchSecret()
    if (status !== 200) throw new Error(`it answered ${status}`)
    const fields = at(body, 'data', 'data')
    if (typeof fields !== 'object' || fields === null) throw new Error('its answer is none of a key/value store version 2')
    return { fields: fields as Record<string, unknown> }
  }
}

function apiPath(path: string): string {
  const [mount = '', ...rest] = path.split('/').map(encodeURIComponent)
  return `/v1/${mount}/data/${rest.join('/')}`
}

async function tokenOf({ VAULT_TOKEN, VAULT_TOKEN_FILE }: Environment): Promise<string> {
  if (VAULT_TOKEN) return VAULT_TOKEN
  if (VAULT_TOKEN_FILE) return (await readFile(VAULT_TOKEN_FILE, 'utf8')).trim()
  throw new Error('neither VAULT_TOKEN nor VAULT_TOKEN_FILE is set')
}
