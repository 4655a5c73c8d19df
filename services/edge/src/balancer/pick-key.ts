/** What a balancer that goes by the client is told of an exchange. */
import type { PickKey } from '@sluice/balancers/balancer'
import { readCookie, type HeaderFields } from '@sluice/http'

export interface KeyedExchange {
  readonly client: { readonly address: string }
  readonly request: { readonly askedPath: string; readonly headers: Pick<HeaderFields, 'get'> }
  readonly identity: { readonly consumer: string } | undefined
}

export type ReadKey = (exchange: KeyedExchange) => string | undefined

/** How the key is read; undefined for balancers that need none. `cookieName` is the sticky cookie's. */
export function keyReader(needs: PickKey | undefined, hashOn: string | undefined, cookieName: string | undefined): ReadKey | undefined {
  switch (needs) {
    case undefined:
      return undefined
    case 'address':
      return addressOf
    case 'cookie':
      return (exchange) => cookieOf(exchange, cookieName!)
    case 'hash-on':
      return hashKeyReader(hashOn ?? 'client')
  }
}

/** A request that lacks what is hashed goes by its client's address, so that it has one endpoint as well. */
function hashKeyReader(hashOn: string): ReadKey {
  const [kind, name = ''] = hashOn.split(':')
  switch (kind) {
    case 'path':
      return ({ request }) => request.askedPath
    case 'consumer':
      return (exchange) => exchange.identity?.consumer ?? addressOf(exchange)
    case 'header':
      return (exchange) => exchange.request.headers.get(name.toLowerCase()) ?? addressOf(exchange)
    case 'cookie':
      return (exchange) => cookieOf(exchange, name) ?? addressOf(exchange)
    default:
      return addressOf
  }
}

function addressOf({ client }: KeyedExchange): string {
  return client.address
}

function cookieOf({ request }: KeyedExchange, name: string): string | undefined {
  const field = request.headers.get('cookie')
  return field === undefined ? undefined : readCookie(field, name)
}
