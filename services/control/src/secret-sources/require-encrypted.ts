import { plaintextProblems } from '@sluice/service-kit'
import type { Environment } from './secret-source.ts'

/** The URL in a setting. Throws when it is none, or when secrets would leave this machine in clear. */
export function requireEncrypted(url: string, setting: string, environment: Environment): URL {
  if (!/^https?:\/\//.test(url) || !URL.canParse(url)) throw new Error(`${setting} is no URL such as https://host:port`)
  const isAllowed = ['1', 'true', 'yes'].includes(environment['SLUICE_ALLOW_PLAINTEXT'] ?? '')
  const [problem] = plaintextProblems([{ setting, url }], isAllowed)
  if (problem !== undefined) throw new Error(problem)
  return new URL(url)
}
