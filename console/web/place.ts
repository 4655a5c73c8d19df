/** Where the user is, kept behind the `#` of the address: the server knows one page only, and back and forward work. */
import { useEffect, useState } from './markup.ts'

export interface Place {
  /** The first part, such as `circuits`; empty at the start. */
  readonly page: string
  /** The second one, such as the name of a route. */
  readonly name: string
}

export function placeOf(hash: string): Place {
  const [page = '', ...rest] = hash.replace(/^#\/?/, '').split('/')
  return { page, name: decoded(rest.join('/')) }
}

/** The address of a page, or of one thing on it. */
export function hrefOf(page: string, name = ''): string {
  return name === '' ? `#/${page}` : `#/${page}/${encodeURIComponent(name)}`
}

export function usePlace(): Place {
  const [hash, setHash] = useState(location.hash)
  useEffect(() => {
    const onChange = () => setHash(location.hash)
    addEventListener('hashchange', onChange)
    return () => removeEventListener('hashchange', onChange)
  }, [])
  return placeOf(hash)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
