import { readFile } from 'node:fs/promises'
import { callAdmin } from '../admin-client.ts'
import { allItems } from '../admin-lists.ts'
import { addLocationOptions, locateAdmin, type LocationOptions } from '../admin-location.ts'
import { answer, pathOf, table, type AddCommand, type CommandContext } from '../command.ts'
import { Failure } from '../failure.ts'
import { answerReceipt, secondsOfWait, waitFor, type Receipt } from '../receipt.ts'

interface Options extends LocationOptions {
  readonly json?: true
}

interface WriteOptions extends Options {
  readonly wait?: boolean | string
}

interface PutOptions extends WriteOptions {
  readonly cert: string
  readonly key?: string
}

interface CertificateItem {
  readonly name: string
  readonly names: readonly string[]
  readonly validTo: string
  readonly key?: string
}

/** `sluice certificates list | put | delete`: certificates that `listeners.https` shows beside its own. */
export const addCertificates: AddCommand = (program, context) => {
  const certificates = program.command('certificates').description('certificates that listeners.https shows beside its own')
  addLocationOptions(certificates.command('list').description('list them, never their keys')).action((options: Options) => listCertificates(context, options))
  addLocationOptions(certificates.command('put <name>').description('create or replace one; its key is sealed'))
    .requiredOption('--cert <file>', 'PEM: the certificate, then those that lead to its authority')
    .option('--key <file>', 'PEM: its private key, without a passphrase [the one there is]')
    .option('--wait [seconds]', 'wait until every edge shows it [10]')
    .action((name: string, options: PutOptions) => putCertificate(context, name, options))
  addLocationOptions(certificates.command('delete <name>').description('take one away'))
    .option('--wait [seconds]', 'wait until every edge has forgotten it [10]')
    .action((name: string, options: WriteOptions) => deleteCertificate(context, name, options))
}

async function listCertificates(context: CommandContext, options: Options): Promise<void> {
  const location = await locateAdmin(context, options)
  const items = await allItems<CertificateItem>((query) => callAdmin(location, '/v1/certificates', { query }))
  const rows = items.map(({ name, names, validTo, key }) => [name, names.join(' ') || '-', validTo, key ?? 'sealed'])
  answer(context, options.json, { items }, () => (rows.length === 0 ? 'there is no certificate of a name of its own' : table([['NAME', 'STANDS FOR', 'EXPIRES', 'KEY'], ...rows])))
}

async function putCertificate(context: CommandContext, name: string, options: PutOptions): Promise<void> {
  const wait = waitFor(secondsOfWait(options.wait))
  const certificate = await readPem(context, '--cert', options.cert)
  const key = options.key === undefined ? undefined : await readPem(context, '--key', options.key)
  const location = await locateAdmin(context, options)
  const { body } = await callAdmin<Receipt>(location, pathTo(name), { method: 'PUT', body: { certificate, ...(key !== undefined && { key }) }, ...wait })
  answerReceipt(context, options.json, body)
}

async function deleteCertificate(context: CommandContext, name: string, options: WriteOptions): Promise<void> {
  const wait = waitFor(secondsOfWait(options.wait))
  const location = await locateAdmin(context, options)
  const { body } = await callAdmin<Receipt | undefined>(location, pathTo(name), { method: 'DELETE', ...wait })
  if (body === undefined) answer(context, options.json, { name, deleted: true }, () => `${name} is deleted`)
  else answerReceipt(context, options.json, body)
}

async function readPem(context: CommandContext, option: string, file: string): Promise<string> {
  try {
    return await readFile(pathOf(context, file), 'utf8')
  } catch (cause) {
    throw new Failure(`${option} ${file} cannot be read (${(cause as NodeJS.ErrnoException).code})`, { cause })
  }
}

function pathTo(name: string): string {
  return `/v1/certificates/${encodeURIComponent(name)}`
}
