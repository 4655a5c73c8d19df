import type { SegmentedConfig } from '@sluice/proto/config'

/** One revision, whole. */
export interface ConfigRevision {
  readonly revision: number
  readonly config: SegmentedConfig
  /** The newest revision up to this one that is to be taken although much of what is served goes with it; 0: none. */
  readonly forcedRevision: number
}

/** Which revision somebody has; the digest tells whether two of one number are the same. */
export interface ConfigVersion {
  readonly revision: number
  readonly digest: string
}

export function versionOf({ revision, config }: ConfigRevision): ConfigVersion {
  return { revision, digest: config.digest }
}
