/**
 * The last good revisions on disk, so that an edge starts while everything else is away: three whole ones, and beside
 * them what each later revision changed, so that a change of one route writes no more than that. A file's name holds the
 * revision and its digest, over which what it makes is checked: one that is truncated or damaged is noticed, and what was
 * before it is taken. Written aside, flushed, renamed. Values of references lie sealed.
 */
import { mkdir, open, readdir, readFile, rename, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ConfigRevision } from '@sluice/buses/config-feed'
import { deltaBetween, emptyConfig, linesOf, sealLines, type SegmentedConfig, textOfLines, unsealLines } from '@sluice/proto/config'
import { type Sealing, sealingIn } from '@sluice/service-kit'

/** Whole revisions that are kept. */
const generations = 3
/** Smaller ones are written whole each time. */
const wholeBelow = 256 * 1024
/** Deltas since the last whole one, in characters and number, after which the next is written whole. */
const maxDeltaShare = 0.25
const maxDeltas = 500

const fileName = /^(\d+)-([0-9a-f]{64})\.(whole|delta)$/

interface StoredFile {
  readonly file: string
  readonly revision: number
  readonly digest: string
  readonly kind: 'whole' | 'delta'
}

interface FirstLine {
  readonly forcedRevision: number
  /** Digest of what the lines are to be applied to; of nothing when they are all there are. */
  readonly from: string
}

export class SnapshotDisk {
  private readonly directory: string
  private readonly onError: (error: unknown) => void
  private given: Sealing | undefined
  private written: SegmentedConfig | undefined
  private sinceWhole = { characters: 0, deltas: 0 }
  private waiting: ConfigRevision | undefined
  private writing: Promise<void> | undefined

  /** `sealing` left out: that of a key beside the directory, made when there is none. */
  constructor(directory: string, sealing: Sealing | undefined, onError: (error: unknown) => void) {
    this.directory = directory
    this.given = sealing
    this.onError = onError
  }

  /** The newest revision that can be made of undamaged files; `onDamaged` hears of each that is passed over. */
  async newest(onDamaged: (file: string) => void): Promise<ConfigRevision | undefined> {
    const files = await this.files()
    for (const whole of files.filter((file) => file.kind === 'whole')) {
      const read = await this.read(whole, emptyConfig)
      if (read === undefined || read === 'of another') {
        onDamaged(whole.file)
        continue
      }
      let found = read
      for (const delta of files.filter((file) => file.kind === 'delta' && file.revision > whole.revision).reverse()) {
        const next: ConfigRevision | 'of another' | undefined = await this.read(delta, found.config)
        if (next === undefined) onDamaged(delta.file)
        else if (next !== 'of another') found = next
      }
      return found
    }
    return undefined
  }

  /** Keeps a revision; of several that come while one is being written the newest is next. Never rejects: see `onError`. */
  save(revision: ConfigRevision): Promise<void> {
    this.waiting = revision
    return (this.writing ??= this.writeAll().finally(() => (this.writing = undefined)))
  }

  /** Resolves once nothing is being written. */
  async settled(): Promise<void> {
    await this.writing
  }

  /** Forgets a revision that is not to be started from. */
  async drop({ revision }: ConfigRevision): Promise<void> {
    await this.writing
    this.written = undefined
    for (const { file } of (await this.files()).filter((one) => one.revision === revision)) await unlink(join(this.directory, file)).catch(this.onError)
  }

  private async writeAll(): Promise<void> {
    while (this.waiting !== undefined) {
      const revision = this.waiting
      this.waiting = undefined
      try {
        await this.write(revision)
      } catch (error) {
        this.written = undefined
        this.onError(error)
      }
    }
  }

  private async write({ revision, config, forcedRevision }: ConfigRevision): Promise<void> {
    const delta = this.written === undefined ? undefined : this.textOf(deltaBetween(this.written, config))
    const isSmall = config.size <= wholeBelow
    const { characters, deltas } = this.sinceWhole
    const isWhole = delta === undefined || isSmall || characters + delta.length > config.size * maxDeltaShare || deltas >= maxDeltas
    const from = isWhole ? emptyConfig.digest : this.written!.digest
    const first = `${JSON.stringify({ forcedRevision, from } satisfies FirstLine)}\n`
    await this.place(`${revision}-${config.digest}.${isWhole ? 'whole' : 'delta'}`, first + (isWhole ? this.textOf([...config.lines()]) : delta))
    this.written = config
    this.sinceWhole = isWhole ? { characters: 0, deltas: 0 } : { characters: characters + delta.length, deltas: deltas + 1 }
    if (isWhole) await this.prune()
  }

  private get sealing(): Sealing {
    return (this.given ??= sealingIn(dirname(this.directory)))
  }

  private textOf(lines: readonly string[]): string {
    return textOfLines(sealLines(lines, this.sealing.seal))
  }

  /** Readable by this user alone. */
  private async place(name: string, text: string): Promise<void> {
    await mkdir(this.directory, { recursive: true, mode: 0o700 })
    const target = join(this.directory, name)
    const handle = await open(`${target}.tmp`, 'w', 0o600)
    try {
      await handle.writeFile(text)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(`${target}.tmp`, target)
    const directory = await open(this.directory, 'r')
    await directory.sync().finally(() => directory.close())
  }

  private async prune(): Promise<void> {
    const files = await this.files()
    const wholes = files.filter((file) => file.kind === 'whole')
    const oldest = wholes[generations - 1]?.revision ?? 0
    for (const { file } of files.filter(({ revision }) => revision < oldest)) await unlink(join(this.directory, file)).catch(() => undefined)
  }

  private async read({ file, revision, digest }: StoredFile, base: SegmentedConfig): Promise<ConfigRevision | 'of another' | undefined> {
    try {
      const text = await readFile(join(this.directory, file), 'utf8')
      const end = text.indexOf('\n')
      const { forcedRevision, from } = JSON.parse(text.slice(0, end)) as FirstLine
      if (from !== base.digest) return 'of another'
      const config = base.with(unsealLines(linesOf(text.slice(end + 1)), this.sealing.unseal))
      return config.digest === digest ? { revision, config, forcedRevision } : undefined
    } catch {
      return undefined
    }
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
