/** What a backup is made of, one JSON object a line: what control sends for `GET /v1/backup`, and what a restore takes. */
import type { RevisionRecord } from '@sluice/config-stores/config-store'
import type { KeptRevocation } from '../peers/token-revocations.ts'

export interface BackupBegin {
  readonly kind: 'begin'
  readonly format: 1
  /** On control's clock, RFC 3339. */
  readonly takenAt: string
  /** The revision that the one before ended with; 0: all revisions are in it. */
  readonly afterRevision: number
  /** The last one in it, or that before; 0 when there is none. */
  readonly revision: number
  /** The change that made it; a backup that goes on from here names it, so that two histories are never mixed. */
  readonly changeId: string
  /** Of the consumers when this was begun: what is newer may be in it too. */
  readonly credentialVersion: number
}

export interface BackupRevision {
  readonly kind: 'revision'
  readonly record: Omit<RevisionRecord, 'scope'>
  /** As it lies in the store, but for the values of references, which are never told. */
  readonly body: string
  readonly valuesLeftOut?: true
}

/** A consumer as a file would hold it, in place of any of that name before. */
export interface BackupConsumer {
  readonly kind: 'consumer'
  readonly consumer: { readonly name: string }
}

/** Tokens that are refused before they expire. Few, so each backup has all of them. */
export interface BackupRevocation extends KeptRevocation {
  readonly kind: 'revocation'
}

/** Sessions of browsers that are over before their time. They go by themselves as these would have, so each backup has all of them, too. */
export interface BackupSessionEnd extends KeptRevocation {
  readonly kind: 'sessionEnd'
}

/** `allConsumers`: those before do not count, all there are follow. */
export type BackupRecord = BackupBegin | BackupRevision | BackupRevocation | BackupSessionEnd | { readonly kind: 'allConsumers' } | BackupConsumer | { readonly kind: 'consumerGone'; readonly name: string } | { readonly kind: 'end' }
