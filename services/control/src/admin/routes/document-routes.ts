/** What the API says of itself; none of it needs a token. */
import { configJsonSchema } from '../../validation/index.ts'
import type { AdminApp } from '../fastify-types.ts'

const page = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Sluice</title>
<body style="font: 16px/1.5 system-ui; max-width: 40em; margin: 4em auto; padding: 0 1em">
<h1>Sluice</h1>
<p>This is the admin API. Its description is at <a href="/openapi.json">/openapi.json</a>, the JSON Schema of the
config file, for editors, at <a href="/schema.json">/schema.json</a>.</p>
<p>Everything under <code>/v1/</code> needs the admin token: <code>curl -H "Authorization: Bearer $SLUICE_ADMIN_TOKEN" …/v1/status</code>.
The <code>sluice</code> command finds the token by itself.</p>
`

/** To be added after all other routes. */
export function addDocumentRoutes(app: AdminApp): void {
  const open = { config: { access: 'open' as const }, schema: { hide: true } }
  let schema: string | undefined
  app.get('/', open, (_request, reply) => reply.type('text/html; charset=utf-8').header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'").send(page))
  app.get('/openapi.json', open, (_request, reply) => reply.send(app.swagger()))
  app.get('/schema.json', open, (_request, reply) => reply.type('application/schema+json').send((schema ??= JSON.stringify(configJsonSchema()))))
}
