import { statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** Where relative paths of a configuration start: the folder of its file, or the folder that it is. */
export function baseDirectoryFor(configFile: string): string {
  const path = resolve(configFile)
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  return isFolder ? path : dirname(path)
}

/** The data directory of `sluice run` when none is named: `.sluice/` there. */
export function dataDirectoryFor(configFile: string): string {
  return join(baseDirectoryFor(configFile), '.sluice')
}
