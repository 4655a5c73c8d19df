/**
 * Whose requests to AWS these are: the environment's, else what a container is given by ECS or EKS (the "container credential provider"
 * of the AWS SDKs and Tools Reference Guide). The roles of virtual machines are not asked for.
 */
import { readFile } from 'node:fs/promises'
import type { AwsCredentials } from './aws-signature.ts'

/** GETs the address; answers the body, parsed, of a 200, else throws. */
export type AskContainer = (address: URL, headers: Record<string, string>) => Promise<unknown>

const containerAddress = 'http://169.254.170.2'
/** Before they end new ones are asked for. */
const renewBeforeMs = 5 * 60_000

/** Answers credentials that are good now; asks the container's address again when those it gave are about to end. */
export class AwsCredentialChain {
  readonly #environment: Readonly<Record<string, string | undefined>>
  #given: { readonly credentials: AwsCredentials; readonly untilMs: number } | undefined

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.#environment = environment
  }

  /** @throws when there are none, or the container's address gives none. */
  async current(ask: AskContainer): Promise<AwsCredentials> {
    const { AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret, AWS_SESSION_TOKEN: token } = this.#environment
    if (id && secret) return { accessKeyId: id, secretAccessKey: secret, sessionToken: token || undefined }
    if (this.#given === undefined || this.#given.untilMs - renewBeforeMs < Date.now()) this.#given = await this.#askContainer(ask)
    return this.#given.credentials
  }

  async #askContainer(ask: AskContainer): Promise<{ credentials: AwsCredentials; untilMs: number }> {
    const { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: relative, AWS_CONTAINER_CREDENTIALS_FULL_URI: full, AWS_CONTAINER_AUTHORIZATION_TOKEN: token, AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: file } = this.#environment
    const address = relative ? URL.parse(relative, containerAddress) : full ? URL.parse(full) : null
    if (address === null) throw new Error('there are no credentials: neither AWS_ACCESS_KEY_ID with AWS_SECRET_ACCESS_KEY nor those of a container')
    const authorization = file ? (await readFile(file, 'utf8')).trim() : token
    const body = await ask(address, authorization ? { authorization } : {})
    const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, Token: sessionToken, Expiration: expiration } = (body ?? {}) as Record<string, unknown>
    if (typeof accessKeyId !== 'string' || typeof secretAccessKey !== 'string') throw new Error('what the container is given are no credentials')
    const untilMs = typeof expiration === 'string' ? Date.parse(expiration) : Infinity
    return { credentials: { accessKeyId, secretAccessKey, sessionToken: typeof sessionToken === 'string' ? sessionToken : undefined }, untilMs }
  }
}
