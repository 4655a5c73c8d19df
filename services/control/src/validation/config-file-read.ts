import type { FileProblem, Path, Position } from './problem.ts'

/** A configuration as it was read, from whatever files. */
export interface ConfigFile {
  /** As it was named. */
  readonly path: string
  /** What the files hold together; undefined when one of them could not be read. */
  readonly input: unknown
  /** SHA-256 of the canonical JSON of `input`: comments, spelling and order of keys do not count. */
  readonly digest: string
  /** Relative paths in the configuration start here. */
  readonly baseDirectory: string
  /** What kept the files from being read or taken together. */
  readonly problems: readonly FileProblem[]
  locate(path: Path, onKey?: boolean): Position
}
