import type { SegmentedConfig } from '@sluice/proto/config'

/** One revision, whole. */
export interface ConfigRevision {
  readonly revision: number
  readonly config: SegmentedConfig
  /** To be taken although much of what is served is gone. */
  readonly isForced: boolean
}

/** Which revision somebody has; the digest tells whether two of one number are the same. */
export interface ConfigVersion {
  readonly revision: number
  readonly digest: string
}

export function versionOf({ revision, config }: ConfigRevision): ConfigVersion {
  return { revision, digest: config.digest }
}
