/** What opens doors and is made where no system is at hand: signatures of tokens. Cases add what else they make to `System.secrets`. */
export const usedSecrets = new Set<string>()

/** Those of them that a configuration has held as they are: they lie where configurations do, and nowhere else. */
export const configuredSecrets = new Set<string>()
