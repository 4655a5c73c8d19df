/** Where the token is between two loads of the page: in this tab, until it is closed. docs/decisions/0068. */

const name = 'sluice-admin-token'

export function keptToken(): string | undefined {
  return sessionStorage.getItem(name) ?? undefined
}

export function keepToken(token: string): void {
  sessionStorage.setItem(name, token)
}

export function forgetToken(): void {
  sessionStorage.removeItem(name)
}
