/**
 * The last good revisions on disk, so that an edge starts while everything else is away: three whole ones, and beside
 * each a log of what the revisions after it changed, so that a change of one route writes no more than that. A whole one
 * is written aside, flushed, renamed; its file's name holds the revision and its digest. Each revision that is made of
 * files is checked against its digest: what is truncated or damaged is noticed, and what was before it is taken. Values
 * of references lie sealed.
 */
import { mkdir, open, readdir, readFile, rename, truncate, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ConfigRevision } from '@sluice/buses/config-feed'
import { deltaBetween, emptyConfig, linesOf, sealLines, type SegmentedConfig, textOfLines, unsealLines } from '@sluice/proto/config'
import { type Sealing, sealingIn } from '@sluice/service-kit'
import { ChangeLog, readChanges, syncDirectory } from './change-log.ts'

/** Whole revisions that are kept. */
const generations = 3
/** What a log may hold beside a whole revision, in characters and number; the next is written whole. */
const minLogged = 64 * 1024
const maxLoggedShare = 0.25
const maxLogged = 500

const fileName = /^(\d+)-([0-9a-f]{64})\.(whole|changes)$/

interface StoredFile {
  readonly file: string
  readonly revision: number
  readonly digest: string
  readonly kind: 'whole' | 'changes'
}

interface FirstLine {
  readonly forcedRevision: number
}

export class SnapshotDisk {
  private readonly directory: string
  private readonly onError: (error: unknown) => void
  private given: Sealing | undefined
  /** Where the log leads; nothing when the next has to be written whole. */
  private written: { readonly config: SegmentedConfig; readonly log: ChangeLog; readonly characters: number; readonly changes: number } | undefined
  private waiting: ConfigRevision | undefined
  private unwanted: ConfigRevision | undefined
  private writing: Promise<void> | undefined

  /** `sealing` left out: that of a key beside the directory, made when there is none. */
  constructor(directory: string, sealing: Sealing | undefined, onError: (error: unknown) => void) {
    this.directory = directory
    this.given = sealing
    this.onError = onError
  }

  /** The newest revision that can be made of undamaged files; `onDamaged` hears of each that is passed over. */
  async newest(onDamaged: (file: string) => void): Promise<ConfigRevision | undefined> {
    for (const whole of (await this.files()).filter(({ kind }) => kind === 'whole')) {
      const found = await this.readWhole(whole)
      if (found !== undefined) return this.withChanges(found, whole, onDamaged)
      onDamaged(whole.file)
    }
    return undefined
  }

  /** Keeps a revision; of several that come while one is being written the newest is next. Never rejects: see `onError`. */
  save(revision: ConfigRevision): Promise<void> {
    this.waiting = revision
    return this.work()
  }

  /** Resolves once nothing is being written. */
  async settled(): Promise<void> {
    await this.writing
  }

  /** Forgets a revision that is not to be started from, and what came after it in its log. */
  drop(revision: ConfigRevision): Promise<void> {
    this.unwanted = revision
    if (this.waiting?.revision === revision.revision) this.waiting = undefined
    return this.work()
  }

  /** What was kept is on the disk itself, and nothing is open any more. */
  async close(): Promise<void> {
    await this.writing
    await this.begin(undefined)
  }

  private work(): Promise<void> {
    return (this.writing ??= this.workOff().finally(() => (this.writing = undefined)))
  }

  private async workOff(): Promise<void> {
    for (;;) {
      const { unwanted, waiting } = this
      if (unwanted === undefined && waiting === undefined) return
      try {
        if (unwanted !== undefined) {
          this.unwanted = undefined
          await this.remove(unwanted)
        } else if (waiting !== undefined) {
          this.waiting = undefined
          await this.write(waiting)
        }
      } catch (error) {
        await this.begin(undefined)
        this.onError(error)
      }
    }
  }

  private async remove({ revision }: ConfigRevision): Promise<void> {
    await this.begin(undefined)
    for (const { file, kind, revision: own } of await this.files()) {
      const path = join(this.directory, file)
      if (own === revision) await unlink(path)
      else if (kind === 'changes') await cutBefore(path, revision)
    }
  }

  private async write(revision: ConfigRevision): Promise<void> {
    const { config } = revision
    const { written } = this
    const text = written && this.textOf(deltaBetween(written.config, config))
    const characters = (written?.characters ?? 0) + (text?.length ?? 0)
    const isFull = characters > Math.max(minLogged, config.size * maxLoggedShare) || (written?.changes ?? 0) >= maxLogged
    if (written === undefined || text === undefined || isFull) return this.writeWhole(revision)
    await written.log.append({ revision: revision.revision, digest: config.digest, forcedRevision: revision.forcedRevision }, text)
    this.written = { ...written, config, characters, changes: written.changes + 1 }
  }

  private async writeWhole({ revision, config, forcedRevision }: ConfigRevision): Promise<void> {
    const stem = join(this.directory, `${revision}-${config.digest}`)
    await this.begin(undefined)
    await mkdir(this.directory, { recursive: true, mode: 0o700 })
    // One of before, when this revision has been gone back to: what came after it then is not what comes now.
    await unlink(`${stem}.changes`).catch(passOverMissing)
    await place(`${stem}.whole`, `${JSON.stringify({ forcedRevision } satisfies FirstLine)}\n${this.textOf([...config.lines()])}`)
    await this.prune()
    await this.begin({ config, log: new ChangeLog(`${stem}.changes`, this.onError), characters: 0, changes: 0 })
  }

  /** Goes on from what has been written whole, or from nothing. */
  private async begin(written: SnapshotDisk['written']): Promise<void> {
    const before = this.written
    this.written = written
    await before?.log.close().catch(this.onError)
  }

  private get sealing(): Sealing {
    return (this.given ??= sealingIn(dirname(this.directory)))
  }

  private textOf(lines: readonly string[]): string {
    return textOfLines(sealLines(lines, this.sealing.seal))
  }

  private async prune(): Promise<void> {
    const files = await this.files()
    const wholes = files.filter((file) => file.kind === 'whole')
    const oldest = wholes[generations - 1]?.revision ?? 0
    for (const { file } of files.filter(({ revision }) => revision < oldest)) await unlink(join(this.directory, file)).catch(() => undefined)
  }

  private async readWhole({ file, revision, digest }: StoredFile): Promise<ConfigRevision | undefined> {
    const text = await readFile(join(this.directory, file), 'utf8').catch(() => '')
    const end = text.indexOf('\n')
    return readable(() => this.made(emptyConfig, { ...(JSON.parse(text.slice(0, end)) as FirstLine), revision, digest, text: text.slice(end + 1) }))
  }

  private async withChanges(whole: ConfigRevision, { file }: StoredFile, onDamaged: (file: string) => void): Promise<ConfigRevision> {
    const log = file.replace(/whole$/, 'changes')
    const { changes, isSound } = await readChanges(join(this.directory, log))
    let found = whole
    for (const change of changes) {
      const next = readable(() => this.made(found.config, change))
      if (next === undefined) {
        onDamaged(log)
        return found
      }
      found = next
    }
    if (!isSound) onDamaged(log)
    return found
  }

  /** Undefined when the lines do not lead to what the digest says. */
  private made(base: SegmentedConfig, { revision, digest, forcedRevision, text }: { revision: number; digest: string; forcedRevision: number; text: string }): ConfigRevision | undefined {
    const config = base.with(unsealLines(linesOf(text), this.sealing.unseal))
    return config.digest === digest ? { revision, config, forcedRevision } : undefined
  }

  /** Newest first. */
  private async files(): Promise<StoredFile[]> {
    const names = await readdir(this.directory).catch(() => [])
    const found = names.flatMap((file): StoredFile[] => {
      const match = fileName.exec(file)
      return match === null ? [] : [{ file, revision: Number(match[1]), digest: match[2]!, kind: match[3] as StoredFile['kind'] }]
    })
    return found.sort((a, b) => b.revision - a.revision)
  }
}

/** All of it or nothing of it; readable by this user alone. */
async function place(target: string, text: string): Promise<void> {
  const handle = await open(`${target}.tmp`, 'w', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(`${target}.tmp`, target)
  await syncDirectory(dirname(target))
}

/** Takes the revision out of a log, and all that was made from it. */
async function cutBefore(file: string, revision: number): Promise<void> {
  const { changes } = await readChanges(file)
  const found = changes.find((change) => change.revision === revision)
  if (found !== undefined) await truncate(file, found.offset)
}

/** What was damaged may be no JSON, no line, or a value that cannot be unsealed. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

function passOverMissing(error: NodeJS.ErrnoException): void {
  if (error.code !== 'ENOENT') throw error
}
