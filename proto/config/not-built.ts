/**
 * Names of the interface that are not built yet, by where they stand. Using one is a problem at check with its own
 * words, never ignored and never called a misspelling. A row goes when the feature comes.
 */
export const notBuiltSettings: Readonly<Record<string, readonly string[]>> = {
  telemetry: ['traces'],
  'telemetry.accessLog': ['sinks'],
  document: ['apis'],
}

export const notBuiltPolicies: readonly string[] = [
  'injection-detection', 'bot-detection', 'challenge', 'body-convert', 'validate', 'aggregate', 'compress',
  'version', 'deprecate', 'error-format', 'log-body',
]

export const notBuiltBalancers: readonly string[] = []
export const notBuiltSources: readonly string[] = []
