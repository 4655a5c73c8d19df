// A Keycloak for tests that take minutes: `node infra/local/keycloak.ts` starts one by hand, with the master realm only.
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached, unpackArtifact } from './download.ts'
import { runByHand } from './run-by-hand.ts'
import { openScratch, startServer, withPort, type LocalServer } from './server-process.ts'

const version = '26.0.7'

export const keycloakAdmin = { username: 'admin', password: 'the admin of a Keycloak of the tests' }

export interface KeycloakOptions {
  /** Documents of realms, as Keycloak exports them. */
  realms?: readonly object[]
}

export interface KeycloakServer extends LocalServer {
  readonly url: string
}

/** The directory of an unpacked Keycloak; downloaded when none is named. */
async function locate(): Promise<string> {
  const named = process.env.SLUICE_TEST_KEYCLOAK_DIR
  if (named) return named
  const directory = await cached(`keycloak-${version}`, (draft) => unpackArtifact(`org.keycloak:keycloak-quarkus-dist:${version}:zip`, draft))
  return join(directory, readdirSync(directory)[0] ?? '')
}

export async function start(options: KeycloakOptions = {}): Promise<KeycloakServer> {
  const directory = await locate()
  return withPort(undefined, async (port) => {
    const scratch = openScratch('keycloak')
    // It writes beside its own files, so each has its own.
    const home = join(scratch.directory, 'home')
    cpSync(directory, home, { recursive: true })
    mkdirSync(join(home, 'data/import'), { recursive: true })
    for (const [index, realm] of (options.realms ?? []).entries()) writeFileSync(join(home, `data/import/realm-${index}.json`), JSON.stringify(realm))
    const url = `http://127.0.0.1:${port}`
    const settings = [`KC_BOOTSTRAP_ADMIN_USERNAME=${keycloakAdmin.username}`, `KC_BOOTSTRAP_ADMIN_PASSWORD=${keycloakAdmin.password}`, 'JAVA_OPTS_KC_HEAP=-Xms128m -Xmx512m']
    const args = [...settings, 'sh', join(home, 'bin/kc.sh'), 'start-dev', '--import-realm', '--http-host=127.0.0.1', `--http-port=${port}`, '--cache=local']
    const server = await startServer({ name: 'keycloak', port, scratch, command: 'env', args, isReady: () => isReady(url), startTimeoutMs: 300_000, stopTimeoutMs: 20_000 })
    return Object.assign(server, { url })
  })
}

async function isReady(url: string): Promise<boolean> {
  return fetch(`${url}/realms/master/.well-known/openid-configuration`, { signal: AbortSignal.timeout(2000) }).then(({ ok }) => ok, () => false)
}

if (import.meta.main) await runByHand(start, (server) => server.url)
