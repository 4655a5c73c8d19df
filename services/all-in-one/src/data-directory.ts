import { statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

/** The data directory of `sluice run` when none is named: `.sluice/` beside the config file, or in the folder that is the config. */
export function dataDirectoryFor(configFile: string): string {
  const path = resolve(configFile)
  const isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
  return join(isFolder ? path : dirname(path), '.sluice')
}
