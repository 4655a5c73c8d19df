/** Where the values of references are kept, by the kind that stands before the colon. */
import { parseReference, type ReferenceKind } from '@sluice/proto/config'
import type { Sealing } from '@sluice/service-kit'
import { awsSecretsManagerOf } from './aws-secrets-manager.ts'
import { files } from './files.ts'
import { kubernetesOf } from './kubernetes.ts'
import type { Environment, ReadFrom, SecretOutcome, SecretSource } from './secret-source.ts'
import { type StoredSecret, StoredSecrets } from './stored-secrets.ts'
import { Vault } from './vault.ts'
import { VaultToken } from './vault-token.ts'

export interface SecretSourcesParts {
  readonly environment: Environment
  /** What `sealed:` is read with; `elsewhere`: not here, and that is no problem. */
  readonly sealing: Sealing | 'elsewhere' | undefined
  /** Milliseconds that only go on [this process's]. */
  readonly now?: () => number
  /** Told when a store of secrets cannot be asked any more, and why; with undefined when it can. */
  readonly onState?: (store: string, fault: string | undefined) => void
  /** Told when the token that a store is asked with will run out, and why; with undefined when it will not any more. */
  readonly onToken?: (store: string, fault: string | undefined) => void
}

/** How a store of secrets that was asked stands. */
export interface StoreState {
  /** Of its references. */
  readonly kind: string
  /** Whether it could be asked at last. */
  readonly isUp: boolean
  /** Of the token that it is asked with; undefined: it does not run out, or that is not known. */
  readonly tokenSecondsLeft: number | undefined
  /** The token will not be renewed any more, or has run out. */
  readonly isTokenEnding: boolean
}

export class SecretSources {
  readonly #byKind: Readonly<Record<ReferenceKind, SecretSource>>
  readonly #stores: Readonly<Record<'vault' | 'aws-sm' | 'k8s', StoredSecrets>>
  readonly #vaultToken: VaultToken

  constructor({ environment, sealing, now = () => performance.now(), onState = () => {}, onToken = () => {} }: SecretSourcesParts) {
    const vault = new Vault(environment)
    this.#vaultToken = new VaultToken({ vault, now, onState: (fault) => onToken('Vault', fault) })
    const storeOf = (name: string, ask: (path: string) => Promise<StoredSecret>) => new StoredSecrets({ name, ask, now, onState: (fault) => onState(name, fault) })
    const stores = { vault: storeOf('Vault', (path) => vault.read(path)), 'aws-sm': storeOf('AWS Secrets Manager', awsSecretsManagerOf(environment)), k8s: storeOf('Kubernetes', kubernetesOf(environment)) }
    this.#stores = stores
    this.#byKind = {
      ...stores,
      env: { read: async (name) => variable(name, environment) },
      file: files,
      sealed: { read: async (text) => unsealed(text, sealing) },
    }
  }

  /** The stores of secrets that were asked. */
  states(): StoreState[] {
    const { secondsLeft, fault } = this.#vaultToken
    return Object.entries(this.#stores).flatMap(([kind, { isUp }]) => {
      const tokenSecondsLeft = kind === 'vault' ? secondsLeft : undefined
      return isUp === undefined ? [] : [{ kind, isUp, tokenSecondsLeft, isTokenEnding: tokenSecondsLeft !== undefined && fault !== undefined }]
    })
  }

  /** Keeps the tokens that stores are asked with from running out: to be called every few seconds. Never rejects. */
  async keepTokens(): Promise<void> {
    if (this.#stores.vault.isUp !== undefined) await this.#vaultToken.keep()
  }

  /** What one reference stands for, or why it cannot be read. Never rejects. */
  read(reference: string, from: ReadFrom): Promise<SecretOutcome> {
    const { kind, target } = parseReference(reference)!
    return this.#byKind[kind].read(target, from)
  }
}

function variable(name: string, environment: Environment): SecretOutcome {
  const value = Object.hasOwn(environment, name) ? environment[name] : undefined
  return value === undefined ? { fault: `the environment variable "${name}" is not set` } : { value }
}

function unsealed(text: string, sealing: SecretSourcesParts['sealing']): SecretOutcome {
  if (sealing === 'elsewhere') return { isElsewhere: true }
  if (sealing === undefined) return { fault: 'a sealed value cannot be read without SLUICE_SEALING_KEY' }
  try {
    return { value: sealing.unseal(text) }
  } catch (error) {
    return { fault: `the sealed value cannot be read: ${(error as Error).message}` }
  }
}
