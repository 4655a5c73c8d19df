/**
 * One backup as a file: a first line of JSON that says what it is and holds nothing secret, then the records as lines,
 * compressed (zstd) and, with a key, sealed (AES-256-GCM, the first line authenticated with them). Each file's own key
 * comes from the given one and a random salt (HKDF-SHA256, RFC 5869).
 */
import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes, randomUUID, type CipherGCM } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { open, readFile, rename, rm } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { createZstdCompress, createZstdDecompress } from 'node:zlib'
import type { BackupBegin, BackupRecord } from '@sluice/control/backup'
import { Failure } from '../failure.ts'

export interface BackupHeader {
  readonly sluice: 'backup'
  readonly format: 1
  readonly id: string
  /** The backup that this one goes on from; null: a full one. */
  readonly previous: string | null
  readonly takenAt: string
  readonly revision: number
  readonly changeId: string
  readonly credentialVersion: number
  /** Hex; null: not encrypted. */
  readonly salt: string | null
}

/** The last line of the records: over all lines before it, so that what is cut off is noticed without a key, too. */
interface Seal {
  readonly sha256: string
}

const tagBytes = 16
const maxHeaderBytes = 4096
const minKeyBytes = 32

/** What `--key-file` names: at least 32 bytes that nobody can guess. Throws a `Failure`. */
export async function readKey(file: string): Promise<Buffer> {
  const key = await readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new Failure(`the key file ${file} cannot be read (${error.code})`)
  })
  const trimmed = Buffer.from(key.toString('latin1').trimEnd(), 'latin1')
  if (trimmed.length < minKeyBytes) throw new Failure(`the key file ${file} holds ${trimmed.length} bytes; expected at least ${minKeyBytes}, such as "openssl rand -hex 32" prints`)
  return trimmed
}

export function headerOf(begin: BackupBegin, previous: string | null, isEncrypted: boolean): BackupHeader {
  const { takenAt, revision, changeId, credentialVersion } = begin
  return { sluice: 'backup', format: 1, id: randomUUID(), previous, takenAt, revision, changeId, credentialVersion, salt: isEncrypted ? randomBytes(32).toString('hex') : null }
}

/** Writes `file` whole or not at all, readable by its owner only, and on disk when it resolves. */
export async function writeBackup(file: string, header: BackupHeader, records: AsyncIterable<BackupRecord>, key: Buffer | undefined): Promise<void> {
  const draft = `${file}.draft`
  const first = Buffer.from(`${JSON.stringify(header)}\n`)
  try {
    const target = createWriteStream(draft, { mode: 0o600, flush: true })
    target.write(first)
    const seal = key === undefined || header.salt === null ? passed : sealing(cipherOf(header.salt, key, first))
    await pipeline(sealedLines(records), createZstdCompress(), seal, target)
    await rename(draft, file)
  } finally {
    await rm(draft, { force: true })
  }
}

/** The first line; undefined for a file that is no backup. */
export async function readHeader(file: string): Promise<BackupHeader | undefined> {
  const handle = await open(file)
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(maxHeaderBytes), 0, maxHeaderBytes, 0)
    const end = buffer.subarray(0, bytesRead).indexOf(10)
    const header = JSON.parse(buffer.toString('utf8', 0, end)) as Partial<BackupHeader>
    if (header.sluice !== 'backup') return undefined
    if (header.format !== 1) throw new Failure(`${file} is of format ${header.format}; this version knows 1`)
    return header as BackupHeader
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  } finally {
    await handle.close()
  }
}

/** The records of a file. What comes before its end is to be trusted only when the end has come. Throws a `Failure` for what is damaged, or sealed with another key. */
export async function* readBackup(file: string, header: BackupHeader, key: Buffer | undefined): AsyncGenerator<BackupRecord> {
  if (header.salt !== null && key === undefined) throw new Failure(`${file} is encrypted; name its key with --key-file`)
  const sum = createHash('sha256')
  let seal: string | undefined
  try {
    for await (const line of linesOf(await unpacked(file, header, key))) {
      if (seal !== undefined) throw new Error('there is something behind its end')
      const record = JSON.parse(line) as BackupRecord | Seal
      if ('sha256' in record) seal = record.sha256
      else {
        sum.update(line).update('\n')
        yield record
      }
    }
    if (seal !== sum.digest('hex')) throw new Error(seal === undefined ? 'its end is missing' : 'its sum is wrong')
  } catch (error) {
    if (error instanceof Failure) throw error
    throw new Failure(`${file} cannot be read: ${header.salt === null ? 'it is damaged' : 'it is damaged, or the key is another one'} (${(error as Error).message})`, { cause: error })
  }
}

async function* sealedLines(records: AsyncIterable<BackupRecord>): AsyncGenerator<string> {
  const sum = createHash('sha256')
  let isWhole = false
  for await (const record of records) {
    const line = `${JSON.stringify(record)}\n`
    sum.update(line)
    isWhole = record.kind === 'end'
    yield line
  }
  if (!isWhole) throw new Failure('the backup broke off')
  yield `${JSON.stringify({ sha256: sum.digest('hex') } satisfies Seal)}\n`
}

async function* passed(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield* chunks
}

function sealing(cipher: CipherGCM): typeof passed {
  return async function* (chunks) {
    for await (const chunk of chunks) yield cipher.update(chunk)
    yield cipher.final()
    yield cipher.getAuthTag()
  }
}

/** What fails on the way fails whoever reads. */
async function unpacked(file: string, header: BackupHeader, key: Buffer | undefined): Promise<AsyncIterable<Buffer>> {
  const { first, tag, end } = await frameOf(file)
  const unpacking = createZstdDecompress()
  const isSealed = header.salt !== null && key !== undefined
  const source = createReadStream(file, { start: first.length, ...(isSealed && { end: Math.max(end, first.length) }) })
  const done = isSealed ? pipeline(source, decipherOf(header.salt, key, first).setAuthTag(tag), unpacking) : pipeline(source, unpacking)
  done.catch(() => {})
  return unpacking
}

/** The first line, and what stands last when the rest is sealed: `end` is the last byte before it. */
async function frameOf(file: string): Promise<{ first: Buffer; tag: Buffer; end: number }> {
  const handle = await open(file)
  try {
    const { size } = await handle.stat()
    const { buffer } = await handle.read(Buffer.alloc(maxHeaderBytes), 0, maxHeaderBytes, 0)
    const { buffer: tag } = await handle.read(Buffer.alloc(tagBytes), 0, tagBytes, Math.max(size - tagBytes, 0))
    return { first: buffer.subarray(0, buffer.indexOf(10) + 1), tag, end: size - tagBytes - 1 }
  } finally {
    await handle.close()
  }
}

async function* linesOf(chunks: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let rest = ''
  for await (const chunk of chunks) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') throw new Error('its last line has no end')
}

/** The key is used once, so its initialisation vector may be anything: it comes from the same expansion. */
function secretsOf(salt: string, key: Buffer): { key: Buffer; iv: Buffer } {
  const bytes = Buffer.from(hkdfSync('sha256', key, Buffer.from(salt, 'hex'), 'sluice backup 1', 44))
  return { key: bytes.subarray(0, 32), iv: bytes.subarray(32) }
}

function cipherOf(salt: string, key: Buffer, first: Buffer): CipherGCM {
  const own = secretsOf(salt, key)
  return createCipheriv('aes-256-gcm', own.key, own.iv).setAAD(first)
}

function decipherOf(salt: string, key: Buffer, first: Buffer) {
  const own = secretsOf(salt, key)
  return createDecipheriv('aes-256-gcm', own.key, own.iv).setAAD(first)
}
