import { callAdmin } from '../admin-client.ts'
import { addLocationOptions, locateAdmin, type LocationOptions } from '../admin-location.ts'
import { parseDuration } from '../arguments.ts'
import { answer, table, type AddCommand, type CommandContext } from '../command.ts'
import { Failure } from '../failure.ts'

interface Options extends LocationOptions {
  readonly json?: true
}

interface StoredKey {
  readonly id: string
  readonly expiresAt?: string
}

interface ConsumerBody {
  readonly credentials?: readonly { readonly apiKey?: StoredKey }[]
}

/** `sluice keys list | create | revoke | hash`: API keys of consumers. */
export const addKeys: AddCommand = (program, context) => {
  const keys = program.command('keys').description('API keys of consumers')
  addLocationOptions(keys.command('list <consumer>').description('list a consumer\'s keys (never their secrets)')).action((consumer: string, options: Options) =>
    listKeys(context, consumer, options),
  )
  addLocationOptions(keys.command('create <consumer>').description('make a key; it is shown this once'))
    .option('--ttl <duration>', 'how long it is good: 15m, 1h, 30d [for ever]', parseDuration)
    .action((consumer: string, options: Options & { ttl?: number }) => createKey(context, consumer, options))
  addLocationOptions(keys.command('revoke <consumer> <id>').description('end a key on every edge')).action((consumer: string, id: string, options: Options) =>
    revokeKey(context, consumer, id, options),
  )
  keys
    .command('hash')
    .description('read a secret from stdin and print its Argon2id hash, for a config file')
    .option('--json', 'answer in JSON')
    .action((options: { json?: true }) => hashSecret(context, options))
}

async function listKeys(context: CommandContext, consumer: string, options: Options): Promise<void> {
  const location = await locateAdmin(context, options)
  const { body } = await callAdmin<ConsumerBody>(location, consumerPath(consumer))
  const items = (body.credentials ?? []).flatMap(({ apiKey }) => (apiKey === undefined ? [] : [{ id: apiKey.id, expiresAt: apiKey.expiresAt ?? null }]))
  answer(context, options.json, { items }, () => (items.length === 0 ? `${consumer} has no API key` : table([['ID', 'EXPIRES'], ...items.map(({ id, expiresAt }) => [id, expiresAt ?? 'never'])])))
}

async function createKey(context: CommandContext, consumer: string, options: Options & { ttl?: number }): Promise<void> {
  const location = await locateAdmin(context, options)
  const expiresAt = options.ttl === undefined ? undefined : new Date(Date.now() + options.ttl * 1000).toISOString()
  const { body } = await callAdmin<{ id: string; key: string }>(location, `${consumerPath(consumer)}/credentials`, {
    method: 'POST',
    body: { apiKey: { ...(expiresAt !== undefined && { expiresAt }) } },
  })
  // Only the key on stdout: `curl -H "X-API-Key: $(sluice keys create acme)"`.
  if (options.json !== true) context.surroundings.err(`key ${body.id} of ${consumer}, ${expiresAt === undefined ? 'for ever' : `until ${expiresAt}`}; it cannot be shown again\n`)
  answer(context, options.json, { ...body, expiresAt: expiresAt ?? null }, ({ key }) => key)
}

async function revokeKey(context: CommandContext, consumer: string, id: string, options: Options): Promise<void> {
  const location = await locateAdmin(context, options)
  const { status, body } = await callAdmin<Record<string, unknown>>(location, `${consumerPath(consumer)}/credentials/${encodeURIComponent(id)}`, {
    method: 'DELETE',
    query: { wait: 'all' },
  })
  if (status === 202) throw new Failure(`key ${id} of ${consumer} is revoked, but not every edge has confirmed it yet`)
  answer(context, options.json, { id, consumer, revoked: true, ...body }, () => `key ${id} of ${consumer} is revoked on every edge`)
}

async function hashSecret(context: CommandContext, options: { json?: true }): Promise<void> {
  const { hashSecretText } = await import('../hash-secret.ts')
  const { hash, keyId } = await hashSecretText(await context.surroundings.readInput())
  if (keyId !== undefined) context.surroundings.err(`this is a whole key: hashed is its secret, the part after sk_${keyId}_\n`)
  answer(context, options.json, { hash }, () => hash)
}

function consumerPath(consumer: string): string {
  return `/v1/consumers/${encodeURIComponent(consumer)}`
}
