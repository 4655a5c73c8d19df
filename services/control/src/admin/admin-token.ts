import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from '@sluice/service-kit'

/** The token that may do everything: `adminToken` where it is set, or that of the data directory. */
export function adminTokenOf({ adminToken, dataDirectory, logger }: { readonly adminToken?: string | undefined; readonly dataDirectory: string; readonly logger: Logger }): string {
  if (adminToken !== undefined) {
    if (adminToken.length < 16) logger.warn('the admin token is short enough to be guessed; `openssl rand -hex 32` makes a good one')
    return adminToken
  }
  const { token, path, made } = adminTokenIn(dataDirectory)
  logger.info({ path }, made ? 'an admin token was made' : 'the admin token is in its file')
  return token
}

/**
 * The admin token in `<data-dir>/admin-token`, made when there is none; `made` says which. The file is for its owner
 * alone, and found to be so again at each start.
 */
function adminTokenIn(dataDirectory: string): { token: string; path: string; made: boolean } {
  const path = join(dataDirectory, 'admin-token')
  const known = readToken(path)
  if (known !== undefined) return { token: known, path, made: false }
  mkdirSync(dataDirectory, { recursive: true })
  const token = randomBytes(32).toString('base64url')
  writeFileSync(path, `${token}\n`, { mode: 0o600 })
  // A file that was there and empty keeps its mode.
  chmodSync(path, 0o600)
  return { token, path, made: true }
}

function readToken(path: string): string | undefined {
  try {
    const token = readFileSync(path, 'utf8').trim()
    chmodSync(path, 0o600)
    return token === '' ? undefined : token
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
