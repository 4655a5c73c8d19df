import { AwsCredentialChain, type AwsCredentials } from '@sluice/http'
import type { RegistryClient } from '../registry-client.ts'
import type { CloudMapSettings } from './schema.ts'

/** Whose requests these are: the settings', else those that a process of its environment makes. */
export function credentialsOf({ accessKeyId, secretAccessKey, sessionToken }: CloudMapSettings, client: RegistryClient, environment: NodeJS.ProcessEnv = process.env): (signal: AbortSignal) => Promise<AwsCredentials> {
  if (accessKeyId !== undefined && secretAccessKey !== undefined) return async () => ({ accessKeyId, secretAccessKey, sessionToken })
  const chain = new AwsCredentialChain(environment)
  return (signal) => chain.current(async (address, headers) => (await client.json(address, { signal, headers })).body)
}
