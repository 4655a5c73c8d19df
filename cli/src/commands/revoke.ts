import { type Command, InvalidArgumentError, Option } from 'commander'
import { callAdmin } from '../admin-client.ts'
import { allItems } from '../admin-lists.ts'
import { addLocationOptions, locateAdmin, type LocationOptions } from '../admin-location.ts'
import { parseDuration } from '../arguments.ts'
import { answer, table, type AddCommand, type CommandContext } from '../command.ts'
import { Failure } from '../failure.ts'

interface Options extends LocationOptions {
  readonly json?: true
}

interface OfIssuer extends Options {
  readonly issuer?: string
}

interface RevokeOptions extends OfIssuer {
  readonly ttl?: number
  readonly issuedBefore?: string
}

interface Revocation {
  readonly issuer: string
  readonly jti?: string
  readonly subject?: string
  readonly issuedBefore?: string
  readonly expiresAt: string
}

/** `sluice revoke token | subject | list | lift`: tokens that are refused before they expire. */
export const addRevoke: AddCommand = (program, context) => {
  const revoke = program.command('revoke').description('tokens that are refused before they expire')
  addRevoking(revoke.command('token <jti>').description('refuse the token with this jti on every edge'), (jti: string, options: RevokeOptions) => revokeTokens(context, { jti }, options))
  addRevoking(revoke.command('subject <subject>').description('refuse all tokens that a subject was issued so far, and its sessions of browsers'), (subject: string, options: RevokeOptions) => revokeTokens(context, { subject }, options)).option(
    '--issued-before <instant>',
    'only tokens from before, such as 2027-01-31T00:00:00Z [now]',
    parseInstant,
  )
  addLocationOptions(revoke.command('list').description('list what is revoked')).action((options: Options) => listRevocations(context, options))
  addLocationOptions(revoke.command('lift').description('let revoked tokens pass again'))
    .option('--issuer <issuer>', 'the iss of the tokens; left out: tokens without')
    .addOption(new Option('--token <jti>', 'the token with this jti').conflicts('subject'))
    .option('--subject <subject>', 'those of this subject')
    .action((options: OfIssuer & { token?: string; subject?: string }) => lift(context, options))
}

function addRevoking(command: Command, action: (value: string, options: RevokeOptions) => Promise<void>): Command {
  return addLocationOptions(command)
    .option('--issuer <issuer>', 'the iss of the tokens; left out: tokens without')
    .option('--ttl <duration>', 'how long until the last of them has expired: 15m, 1h, 30d [30d]', parseDuration)
    .action(action)
}

async function revokeTokens(context: CommandContext, which: { jti: string } | { subject: string }, { issuer, ttl, issuedBefore, ...options }: RevokeOptions): Promise<void> {
  const location = await locateAdmin(context, options)
  const { status, body } = await callAdmin<Revocation>(location, '/v1/revocations', {
    method: 'POST',
    query: { wait: 'all' },
    body: { ...which, issuer, issuedBefore, expiresAt: ttl === undefined ? undefined : new Date(Date.now() + ttl * 1000).toISOString() },
  })
  const what = 'jti' in which ? `the token ${which.jti} is` : `tokens of ${which.subject} from before ${body.issuedBefore} are`
  if (status === 202) throw new Failure(`${what} revoked, but not every edge has confirmed it yet`)
  answer(context, options.json, body, ({ expiresAt }) => `${what} refused on every edge until ${expiresAt}`)
}

async function listRevocations(context: CommandContext, options: Options): Promise<void> {
  const location = await locateAdmin(context, options)
  const items = await allItems<Revocation>((query) => callAdmin(location, '/v1/revocations', { query }))
  const rows = items.map(({ issuer, jti, subject, issuedBefore = '-', expiresAt }) => [issuer || '-', jti ?? '-', subject ?? '-', issuedBefore, expiresAt])
  answer(context, options.json, { items }, () => (rows.length === 0 ? 'no token is revoked' : table([['ISSUER', 'TOKEN', 'SUBJECT', 'ISSUED BEFORE', 'UNTIL'], ...rows])))
}

async function lift(context: CommandContext, { issuer, token, subject, ...options }: OfIssuer & { token?: string; subject?: string }): Promise<void> {
  if (token === undefined && subject === undefined) throw new Failure('say which: --token <jti> or --subject <subject>')
  const location = await locateAdmin(context, options)
  const { status, body } = await callAdmin<Record<string, unknown>>(location, '/v1/revocations', { method: 'DELETE', query: { issuer, jti: token, subject, wait: 'all' } })
  const what = token === undefined ? `tokens of ${subject}` : `the token ${token}`
  if (status === 202) throw new Failure(`the revocation is lifted, but not every edge has confirmed it yet`)
  answer(context, options.json, { lifted: true, ...body }, () => `${what} may pass again on every edge`)
}

function parseInstant(text: string): string {
  if (Number.isNaN(Date.parse(text))) throw new InvalidArgumentError('expected an instant such as 2027-01-31T00:00:00Z')
  return new Date(text).toISOString()
}
