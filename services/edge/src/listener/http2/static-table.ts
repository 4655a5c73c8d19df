/** Fields that both sides know beforehand (RFC 7541, appendix A), from number 1 on. */
import { Field } from './field.ts'

const text = `
:authority | :method GET | :method POST | :path / | :path /index.html | :scheme http | :scheme https | :status 200 | :status 204 | :status 206 | :status 304 | :status 400 | :status 404 | :status 500
accept-charset | accept-encoding gzip, deflate | accept-language | accept-ranges | accept | access-control-allow-origin | age | allow | authorization | cache-control | content-disposition
content-encoding | content-language | content-length | content-location | content-range | content-type | cookie | date | etag | expect | expires | from | host | if-match | if-modified-since
if-none-match | if-range | if-unmodified-since | last-modified | link | location | max-forwards | proxy-authenticate | proxy-authorization | range | referer | refresh | retry-after | server
set-cookie | strict-transport-security | transfer-encoding | user-agent | vary | via | www-authenticate`

/** Index 0 is nobody's. */
export const staticTable: readonly (Field | undefined)[] = [undefined, ...text.trim().split(/ \| |\n/).map(fieldOf)]

/** By name: the first field of it. */
export const staticNames: ReadonlyMap<string, number> = firstOfName()

function fieldOf(line: string): Field {
  const blank = line.indexOf(' ')
  return blank < 0 ? new Field(line, '') : new Field(line.slice(0, blank), line.slice(blank + 1))
}

function firstOfName(): Map<string, number> {
  const found = new Map<string, number>()
  for (let index = staticTable.length - 1; index > 0; index--) found.set(staticTable[index]!.name, index)
  return found
}
