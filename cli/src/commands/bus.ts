import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { answer, pathOf, type AddCommand, type CommandContext } from '../command.ts'
import { Failure } from '../failure.ts'

interface Options {
  readonly out: string
  readonly host: readonly string[]
  readonly listen: string
  readonly json?: true
}

/** `sluice bus init`: settings and credentials for a NATS server of the distributed mode. */
export const addBus: AddCommand = (program, context) => {
  program
    .command('bus')
    .description('settings and credentials of the bus')
    .command('init')
    .description('write the settings of a NATS server with TLS, a .creds file for each service and one for backends, and the keys that revisions are signed with')
    .requiredOption('--out <dir>', 'where to; must not hold any of the files yet')
    .option('--host <name...>', 'names and IPv4 addresses under which services reach the server', ['localhost', '127.0.0.1'])
    .option('--listen <address>', 'where the server listens', '0.0.0.0:4222')
    .option('--json', 'answer in JSON')
    .action((options: Options) => initBus(context, options))
}

const yearMs = 365 * 86_400_000

async function initBus(context: CommandContext, options: Options): Promise<void> {
  const directory = pathOf(context, options.out)
  const files = await filesFor(directory, options)
  const existing = Object.keys(files).filter((name) => existsSync(join(directory, name)))
  if (existing.length > 0) throw new Failure(`${options.out} holds ${existing.join(', ')} already: new ones would lock out whoever uses them; expected another folder, or an empty one`)
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text, { mode: 0o600, flag: 'wx' })
  answer(context, options.json, { directory, files: Object.keys(files) }, () => describe(options, Object.keys(files)))
}

async function filesFor(directory: string, { host, listen }: Options): Promise<Record<string, string>> {
  const [{ createBusUsers, natsServerSettings }, { createConfigKeys }, { makeCertificate }] = await Promise.all([import('@sluice/buses/nats-server'), import('@sluice/buses/config-feed'), import('@sluice/service-kit/certificates')])
  const now = Date.now()
  const authority = makeCertificate({ subject: 'Sluice bus', isAuthority: true, validTo: new Date(now + 10 * yearMs) })
  const server = makeCertificate({ names: host, issuer: authority, validTo: new Date(now + 2 * yearMs) })
  const users = createBusUsers()
  const keys = createConfigKeys()
  return {
    'nats-server.conf': natsServerSettings(users, listen, { certFile: join(directory, 'server.pem'), keyFile: join(directory, 'server-key.pem') }),
    'server.pem': server.cert,
    'server-key.pem': server.key,
    'ca.pem': authority.cert,
    'ca-key.pem': authority.key,
    ...Object.fromEntries(users.map(({ name, credentials }) => [`${name}.creds`, credentials])),
    'config-signing-key.pem': keys.privateKey,
    'config-verify-keys.pem': keys.publicKey,
  }
}

function describe({ out, host, listen }: Options, files: readonly string[]): string {
  return [
    `${files.length} files in ${out}, readable by their owner alone`,
    `  server    nats-server -c ${out}/nats-server.conf (it names its certificate by its full path)`,
    `  services  SLUICE_NATS_URL=tls://${host[0]}:${listen.slice(listen.lastIndexOf(':') + 1)} SLUICE_NATS_CA=${out}/ca.pem SLUICE_NATS_CREDS=${out}/<service>.creds`,
    `  backends  ${out}/backend.creds may purge kept responses by event, and nothing else`,
    `  control   SLUICE_CONFIG_SIGNING_KEY=${out}/config-signing-key.pem`,
    `  edge, discovery   SLUICE_CONFIG_VERIFY_KEYS=${out}/config-verify-keys.pem`,
    'Give each service its own .creds file and nothing of the others; keep ca-key.pem where no service runs. The certificate of the server is good for two years.',
  ].join('\n')
}
