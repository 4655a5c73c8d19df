import { catalogue, sourceOf, type ErrorCode } from '../../packages/errors/src/index.ts'
import { pageHead, table } from './page-text.ts'

/** Who has to do something about an error, by what stands before the dot of its code. */
const whoLooks: Readonly<Record<string, string>> = {
  client: 'nobody; counted',
  policy: 'the consumer',
  upstream: "the upstream's owner",
  dependency: 'the operator',
  config: 'the author of the change',
  admin: 'whoever calls the admin API',
  internal: 'whoever maintains the gateway',
}

const introduction = `A code never changes its meaning. It stands as \`reason\` in the body of an error on the traffic ports
(\`{"error":{"code":404,"message":"…","reason":"client.no_route","request_id":"…"}}\`), in \`type\` and \`reason\` of a problem
(RFC 9457: on the admin API, and on the traffic ports when \`Accept\` names \`application/problem+json\`), in the access record and in
logs. Before the dot stands where it comes from.

\`retry\` says whether the gateway itself may try another endpoint: \`if_unsent\` while no byte of the request has left,
\`if_idempotent\` also later, for an idempotent request without a body, as long as no response has begun. On the traffic ports a
503 carries \`Retry-After: 1\`, a 429 the seconds until the limit admits again.`

/** docs/errors.md: every code of the catalogue, in its order. */
export function errorsPage(): string {
  const rows = (Object.keys(catalogue) as ErrorCode[]).map((code) => {
    const { status, retry, message } = catalogue[code]
    return [`\`${code}\``, String(status), sourceOf(code), retry, message, whoLooksAt(code)]
  })
  const head = ['code', 'status', 'source', 'retry', 'message', 'who looks']
  return [...pageHead('Errors', 'packages/errors/src/catalogue.ts'), introduction, '', ...table(head, rows), ''].join('\n')
}

function whoLooksAt(code: ErrorCode): string {
  const known = whoLooks[code.slice(0, code.indexOf('.'))]
  if (known === undefined) throw new Error(`tools/docs/errors-page.ts does not say who looks at ${code}`)
  return known
}
