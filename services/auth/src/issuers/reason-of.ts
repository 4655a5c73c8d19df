/** Why an issuer gave no answer, for the log. Never with a token or the client's secret in it: those are in no message of the library. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { status, error: code } = error as { status?: unknown; error?: unknown }
  const facts = [typeof status === 'number' ? `status ${status}` : '', typeof code === 'string' ? code.slice(0, 64) : ''].filter((fact) => fact !== '')
  const { cause } = error
  if (facts.length === 0 && cause instanceof Error) facts.push(cause.message || String((cause as NodeJS.ErrnoException).code))
  return [error.message, ...facts].join(': ')
}
