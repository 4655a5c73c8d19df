import { readdirSync, statSync, watch, type FSWatcher } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** Editors write in several steps: a change is told when nothing has moved for this long, at most a second after it began. */
const quietMs = 100
const latestMs = 1000
/** Where the system tells of nothing (network drives, links that lead elsewhere) the looks of the files are compared. */
const lookMs = 2000
const configFile = /\.(ya?ml|json)$/

/**
 * Calls back after each change of a file, or of the config files in a folder. The folder is watched, not the file:
 * many editors put a new file in the old one's place.
 */
export function watchPath(path: string, onChange: () => void): { stop(): void } {
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  const folder = isFolder ? path : dirname(path)
  // Names with two dots are Kubernetes' way to swap a mounted folder: `..data`.
  const isOurs = (name: string | null) => name === null || name.startsWith('..') || (isFolder ? configFile.test(name) : name === basename(path))
  const settle = new Settling(onChange)
  let watcher: FSWatcher | undefined
  try {
    watcher = watch(folder, { persistent: false }, (_event, name) => {
      if (isOurs(name)) settle.stir()
    })
    watcher.on('error', () => watcher?.close())
  } catch {
    // Without the system's word (no watches left, no such folder) looking has to do.
  }
  let seen = looksOf(path, isFolder)
  const looking = setInterval(() => {
    const looks = looksOf(path, isFolder)
    if (looks !== seen) settle.stir()
    seen = looks
  }, lookMs).unref()
  return {
    stop() {
      watcher?.close()
      clearInterval(looking)
      settle.stop()
    },
  }
}

/** Many events in a row as one. */
class Settling {
  readonly #onQuiet: () => void
  #timer: NodeJS.Timeout | undefined
  #began = 0

  constructor(onQuiet: () => void) {
    this.#onQuiet = onQuiet
  }

  stir(): void {
    const now = performance.now()
    if (this.#timer === undefined) this.#began = now
    clearTimeout(this.#timer)
    const delay = Math.max(0, Math.min(quietMs, this.#began + latestMs - now))
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#onQuiet()
    }, delay)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }
}

function looksOf(path: string, isFolder: boolean): string {
  try {
    const files = isFolder ? readdirSync(path).filter((name) => configFile.test(name)).map((name) => join(path, name)) : [path]
    return files.map((file) => lookOf(file)).join('\n')
  } catch {
    return ''
  }
}

function lookOf(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false })
  return `${file} ${found?.ino} ${found?.size} ${found?.mtimeMs}`
}
