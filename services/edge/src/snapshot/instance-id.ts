import { randomUUID } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** The id kept in the data directory, made at first start: it tells a restarted edge from a second one of its name. */
export async function instanceId(dataDirectory: string): Promise<string> {
  const file = join(dataDirectory, 'instance')
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 })
  const known = await readFile(file, 'utf8').catch(() => '')
  if (known.trim() !== '') return known.trim()
  const made = randomUUID()
  await writeFile(file, `${made}\n`, { mode: 0o600 })
  return made
}
