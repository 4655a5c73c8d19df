import { open, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { ReadFrom, SecretOutcome, SecretSource } from './secret-source.ts'

/** Room for a list of 100,000 addresses. */
const maxBytes = 4 * 1024 * 1024

/** `file:PATH`. */
export const files: SecretSource = {
  async read(target, { directories, readFile = readSmallFile }: ReadFrom): Promise<SecretOutcome> {
    let fault = `the file "${target}" cannot be read`
    for (const directory of directories) {
      try {
        const text = await readFile(resolve(directory, target))
        // Editors and `echo` end a file with a newline that is not part of a secret.
        return { value: text.replace(/\r?\n$/, '') }
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException
        if (code !== 'ENOENT') return { fault: `the file "${target}" cannot be read (${code ?? message})` }
        fault = `there is no file "${target}"`
      }
    }
    return { fault }
  },
}

export interface FileLook {
  /** Another one when the file was written, or another was put in its place. */
  readonly look: string
  readonly modifiedAtMs: number
}

/** How the file behind a `file:` reference looks without reading it; undefined when there is none. */
export async function lookOfFile(target: string, directories: readonly string[]): Promise<FileLook | undefined> {
  for (const directory of directories) {
    const found = await stat(resolve(directory, target)).catch(() => undefined)
    if (found !== undefined) return { look: `${found.dev} ${found.ino} ${found.size} ${found.mtimeMs} ${found.ctimeMs}`, modifiedAtMs: found.mtimeMs }
  }
  return undefined
}

async function readSmallFile(path: string): Promise<string> {
  const file = await open(path, 'r')
  try {
    const found = await file.stat()
    if (!found.isFile()) throw new Error('it is no plain file')
    if (found.size > maxBytes) throw new Error(`it has more than ${maxBytes} bytes`)
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}
