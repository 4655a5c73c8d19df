/**
 * Whose requests these are: the settings, else the environment, else what a container is given by ECS or EKS (the "container credential
 * provider" of the AWS SDKs and Tools Reference Guide). The roles of virtual machines are not asked for.
 */
import { readFileSync } from 'node:fs'
import type { AwsCredentials } from '@sluice/http'
import type { RegistryClient } from '../registry-client.ts'
import type { CloudMapSettings } from './schema.ts'

const containerAddress = 'http://169.254.170.2'
/** Before they end new ones are asked for. */
const renewBeforeMs = 5 * 60_000

/** Answers credentials that are good now; asks the container's address again when those it gave are about to end. */
export class CredentialChain {
  readonly #settings: CloudMapSettings
  readonly #client: RegistryClient
  readonly #environment: NodeJS.ProcessEnv
  #given: { readonly credentials: AwsCredentials; readonly untilMs: number } | undefined

  constructor(settings: CloudMapSettings, client: RegistryClient, environment: NodeJS.ProcessEnv = process.env) {
    this.#settings = settings
    this.#client = client
    this.#environment = environment
  }

  async current(signal: AbortSignal): Promise<AwsCredentials> {
    const { accessKeyId, secretAccessKey, sessionToken } = this.#settings
    if (accessKeyId !== undefined && secretAccessKey !== undefined) return { accessKeyId, secretAccessKey, sessionToken }
    const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token } = this.#environment
    if (id && secret) return { accessKeyId: id, secretAccessKey: secret, sessionToken: token || undefined }
    if (this.#given === undefined || this.#given.untilMs - renewBeforeMs < Date.now()) this.#given = await this.#askContainer(signal)
    return this.#given.credentials
  }

  async #askContainer(signal: AbortSignal): Promise<{ credentials: AwsCredentials; untilMs: number }> {
    const { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: relative, AWS_CONTAINER_CREDENTIALS_FULL_URI: full, AWS_CONTAINER_AUTHORIZATION_TOKEN: token, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file } = this.#environment
    const address = relative ? new URL(relative, containerAddress) : full ? new URL(full) : undefined
    if (address === undefined) throw new Error('there are no credentials: neither in the settings, nor AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, nor those of a container')
    const authorization = file ? readFileSync(file, 'utf8').trim() : token
    const { body } = await this.#client.json(address, { signal, headers: authorization ? { authorization } : {} })
    const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken, Expiration: expiration } = (body ?? {}) as Record<string, unknown>
    if (typeof accessKeyId !== 'string' || typeof secretAccessKey !== 'string') throw new Error('what the container is given are no credentials')
    const untilMs = typeof expiration === 'string' ? Date.parse(expiration) : Infinity
    return { credentials: { accessKeyId, secretAccessKey, ...(typeof sessionToken === 'string' && { sessionToken }) }, untilMs }
  }
}
