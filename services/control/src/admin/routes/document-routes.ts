/** What the API says of itself; none of it needs a token. */
import { configJsonSchema } from '../../validation/index.ts'
import type { AdminApp } from '../fastify-types.ts'

/** To be added after all other routes. */
export function addDocumentRoutes(app: AdminApp): void {
  const open = { config: { access: 'open' as const }, schema: { hide: true } }
  let schema: string | undefined
  app.get('/openapi.json', open, (_request, reply) => reply.send(app.swagger()))
  app.get('/schema.json', open, (_request, reply) => reply.type('application/schema+json').send((schema ??= JSON.stringify(configJsonSchema()))))
}
