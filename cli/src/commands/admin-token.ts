import { createHash, randomBytes } from 'node:crypto'
import { chmod, readFile, rename, writeFile } from 'node:fs/promises'
import { Option } from 'commander'
import { parseDuration } from '../arguments.ts'
import { answer, pathOf, type AddCommand, type CommandContext } from '../command.ts'
import { Failure } from '../failure.ts'

interface Options {
  readonly name: string
  readonly role: string
  readonly ttl?: number
  readonly file?: string
  readonly json?: true
}

interface Entry {
  readonly name: string
  readonly role: string
  readonly sha256: string
  readonly expires?: string
}

/** `sluice admin-token`: a token of the admin API with a role of its own; control is given its digest alone. */
export const addAdminToken: AddCommand = (program, context) => {
  program
    .command('admin-token')
    .description('make a token of the admin API with a role: viewer, operator or admin')
    .requiredOption('--name <name>', 'whose it is, in the audit log')
    .addOption(new Option('--role <role>', 'what it may').choices(['viewer', 'operator', 'admin']).makeOptionMandatory())
    .option('--ttl <duration>', 'how long it is good: 12h, 30d [for ever]', parseDuration)
    .option('--file <file>', 'add it to the file that SLUICE_ADMIN_TOKENS names, in the place of one of that name')
    .option('--json', 'answer in JSON')
    .action((options: Options) => makeToken(context, options))
}

async function makeToken(context: CommandContext, { name, role, ttl, file, json }: Options): Promise<void> {
  const token = randomBytes(32).toString('base64url')
  const expires = ttl === undefined ? undefined : new Date(Date.now() + ttl * 1000).toISOString()
  const entry: Entry = { name, role, sha256: createHash('sha256').update(token).digest('hex'), ...(expires !== undefined && { expires }) }
  if (file === undefined && json !== true) context.surroundings.err(`add to the file that SLUICE_ADMIN_TOKENS names: ${JSON.stringify(entry)}\n`)
  if (file !== undefined) await addTo(pathOf(context, file), entry)
  // Only the token on stdout, so that a variable can take it.
  answer(context, json, { token, entry }, () => token)
}

/** Put aside and renamed: control reads all of it or none. */
async function addTo(file: string, entry: Entry): Promise<void> {
  const others = (await entriesIn(file)).filter(({ name }) => name !== entry.name)
  await writeFile(`${file}.tmp`, `${JSON.stringify([...others, entry], undefined, 2)}\n`, { mode: 0o600 })
  await chmod(`${file}.tmp`, 0o600)
  await rename(`${file}.tmp`, file)
}

async function entriesIn(file: string): Promise<Entry[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '[]'
    throw new Failure(`--file ${file} cannot be read (${error.code})`, { cause: error })
  })
  try {
    const read: unknown = JSON.parse(text)
    if (Array.isArray(read)) return read as Entry[]
  } catch {
    // Said below.
  }
  throw new Failure(`--file ${file} is no list of tokens`)
}
