/** The web console: its page at `/`, its files under the digest that names them. None of it needs a token; what it shows does. */
import { type Console, type ConsoleFile, makeConsole } from '@sluice/console'
import { SluiceError } from '@sluice/errors'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AdminApp } from '../fastify-types.ts'

/** Only what comes from here runs, and it talks to nobody else: the page holds a token. */
const contentSecurity = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
  "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
].join('; ')

const guards = {
  'content-security-policy': contentSecurity,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/** The console is made when somebody first asks for it: a gateway that nobody looks at starts without. */
export function addConsoleRoutes(app: AdminApp): void {
  const open = { config: { access: 'open' as const }, schema: { hide: true } }
  let made: Promise<Console> | undefined
  const prepared = async () => {
    try {
      return await (made ??= makeConsole())
    } catch (error) {
      made = undefined
      throw error
    }
  }
  app.get('/', open, async (request, reply) => {
    const { digest, page } = await prepared()
    const tag = `W/"${digest}"`
    reply.headers({ ...guards, etag: tag, 'cache-control': 'no-cache', vary: 'accept-encoding' })
    if (request.headers['if-none-match'] === tag) return reply.code(304).send()
    return send(request, reply, page)
  })
  app.get('/console/*', open, async (request, reply) => {
    const file = (await prepared()).files.get(request.url.replace(/\?.*$/, ''))
    if (file === undefined) throw new SluiceError('config.not_found', { detail: 'The console has no such file; if it was open while control was updated, load it again' })
    reply.headers({ ...guards, 'cache-control': 'public, max-age=31536000, immutable', vary: 'accept-encoding' })
    return send(request, reply, file)
  })
}

function send(request: FastifyRequest, reply: FastifyReply, { type, body, gzipped }: ConsoleFile): FastifyReply {
  reply.type(type)
  if (!/\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(request.headers['accept-encoding'] ?? '')) return reply.send(body)
  return reply.header('content-encoding', 'gzip').send(gzipped)
}
