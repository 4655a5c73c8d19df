/** What the value behind a reference is, or why there is none. */
export type SecretOutcome =
  | { readonly value: string }
  /** `isAway`: the source could not be asked, which says nothing of the value: the one from before stays. */
  | { readonly fault: string; readonly isAway?: true }
  /** Only control can tell; whoever checks a file elsewhere passes over it. */
  | { readonly isElsewhere: true }

export interface ReadFrom {
  /** Relative paths are looked for in each of these folders, in this order. */
  readonly directories: readonly string[]
  /** Reads a file as text; for tests. */
  readonly readFile?: ((path: string) => Promise<string>) | undefined
}

/** One kind of reference. Never rejects, never shows a value. */
export interface SecretSource {
  /** `target` is what stands behind the colon. */
  read(target: string, from: ReadFrom): Promise<SecretOutcome>
}

export type Environment = Readonly<Record<string, string | undefined>>
