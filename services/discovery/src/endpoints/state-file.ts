import { mkdir, open, readFile, rename } from 'node:fs/promises'
import { dirname } from 'node:path'

/** What a JSON file holds; undefined when there is none. Throws when it cannot be read as JSON. */
export async function readJsonFile(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Writes beside the file, syncs, renames: a reader and a crash see the old content or the new, whole. */
export async function writeJsonFile(path: string, content: unknown): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const file = await open(`${path}.tmp`, 'w', 0o600)
  try {
    await file.writeFile(JSON.stringify(content))
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.tmp`, path)
}

/** Saves soon after `mark`, never twice at once; a failure is told and tried again with the next mark. */
export class Saver {
  readonly #save: () => Promise<void>
  readonly #onError: (error: unknown) => void
  #timer: NodeJS.Timeout | undefined
  #saving: Promise<void> = Promise.resolve()

  constructor(save: () => Promise<void>, onError: (error: unknown) => void) {
    this.#save = save
    this.#onError = onError
  }

  mark(): void {
    this.#timer ??= setTimeout(() => void this.#saveNow(), 500)
  }

  /** Saves what was marked. */
  async flush(): Promise<void> {
    if (this.#timer !== undefined) void this.#saveNow()
    await this.#saving
  }

  #saveNow(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#saving = this.#saving.then(this.#save).catch(this.#onError)
    return this.#saving
  }
}
