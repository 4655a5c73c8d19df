import { readdir, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { LogExporterParts, Tender } from '../log-exporter.ts'
import type { FileSettings } from './schema.ts'

const checkEveryMs = 1000
const removeEveryMs = 3_600_000
const dayMs = 86_400_000

/**
 * Puts the file aside as `<file>.<time>` when it has grown to `rotateMb`, and removes files put aside whose last line
 * is older than `retentionDays`. Touches nothing but the file and names of exactly that form beside it. Of the
 * processes that share the file only one may do this.
 */
export function startRotation(settings: FileSettings, parts: LogExporterParts): Tender {
  const now = parts.now ?? Date.now
  let removedAt = -Infinity
  let running: Promise<void> | undefined

  const tendOnce = async () => {
    const wasRotated = await rotate(settings, now())
    if (!wasRotated && now() - removedAt < removeEveryMs) return
    removedAt = now()
    await removeOld(settings, now())
  }
  const tick = () => {
    running ??= tendOnce()
      .catch(parts.onError)
      .finally(() => (running = undefined))
  }
  tick()
  const timer = setInterval(tick, checkEveryMs).unref()
  return {
    async stop() {
      clearInterval(timer)
      await running
    },
  }
}

async function rotate({ file, rotateMb }: FileSettings, nowMs: number): Promise<boolean> {
  const found = await stat(file).catch(ignoreMissing)
  if (found === undefined || found.size < rotateMb * 1_000_000) return false
  await rename(file, `${file}.${new Date(nowMs).toISOString().replaceAll(':', '-')}`)
  return true
}

async function removeOld({ file, retentionDays }: FileSettings, nowMs: number): Promise<void> {
  const folder = dirname(file)
  for (const name of (await readdir(folder).catch(ignoreMissing)) ?? []) {
    if (!isPutAside(name, basename(file))) continue
    const found = await stat(join(folder, name)).catch(ignoreMissing)
    if (found !== undefined && nowMs - found.mtimeMs > retentionDays * dayMs) await unlink(join(folder, name)).catch(ignoreMissing)
  }
}

function isPutAside(name: string, file: string): boolean {
  return name.startsWith(`${file}.`) && /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}Z$/.test(name.slice(file.length + 1))
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}
