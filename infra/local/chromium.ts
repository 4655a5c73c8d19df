// The browser that tests drive: which program it is, and what it is told so that it asks nobody but the test.
import { findOnPath, isExecutable } from './find-on-path.ts'

const names = ['chromium', 'chromium-browser', 'google-chrome']

/** Without a GPU and without what a browser does by itself. No sandbox: tests run as root in containers, and open only their own pages. */
export const chromiumArguments = [
  '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run', '--disable-sync',
  '--disable-background-networking', '--disable-component-update', '--disable-default-apps', '--disable-extensions',
]

/** The path of Chromium. Throws when the machine has none. */
export function locateChromium(): string {
  const named = process.env.SLUICE_TEST_CHROMIUM_BIN
  if (named) {
    if (isExecutable(named)) return named
    throw new Error(`SLUICE_TEST_CHROMIUM_BIN names ${named}, which is no executable file`)
  }
  const found = names.map(findOnPath).find((path) => path !== undefined)
  if (found === undefined) throw new Error('there is no Chromium on this machine (on Debian: the package chromium)')
  return found
}
