/** Every error of the admin API as an RFC 9457 problem. */
import { codeOf, problemBody, SluiceError } from '@sluice/errors'
import type { Logger } from '@sluice/service-kit'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { hasZodFastifySchemaValidationErrors } from 'fastify-type-provider-zod'

export function replyWithProblems(app: FastifyInstance, logger: Logger): void {
  app.setErrorHandler((error: FastifyError, request, reply) => sendError(translate(error, logger), request, reply))
  app.setNotFoundHandler((request, reply) => {
    const error = new SluiceError('config.not_found', { detail: `There is no ${request.method} ${request.url.split('?')[0]}; /openapi.json names what there is` })
    return sendError(error, request, reply)
  })
}

function sendError(error: SluiceError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  request.outcome = error.code
  const { contentType, body } = problemBody({ code: error.code, message: error.detail, requestId: request.id, extra: error.extra })
  if (error.code === 'admin.unauthenticated') reply.header('www-authenticate', 'Bearer realm="sluice admin"')
  return reply.code(error.status).header('cache-control', 'no-store').type(contentType).send(body)
}

function translate(error: FastifyError, logger: Logger): SluiceError {
  if (error instanceof SluiceError) {
    if (error.status >= 500) logger.warn({ err: error, code: error.code }, 'an admin request failed')
    return error
  }
  if (hasZodFastifySchemaValidationErrors(error)) return badParameters(error)
  if (error.statusCode === 413) return new SluiceError('client.body_too_large', { detail: 'The body is larger than this route takes' })
  if (error.statusCode !== undefined && error.statusCode < 500) return new SluiceError('client.bad_request', { detail: error.message, cause: error })
  logger.error({ err: error, code: codeOf(error) }, 'an admin request failed')
  return new SluiceError('internal.unexpected', { cause: error })
}

/** Query and path: what was wrong with which parameter. */
function badParameters(error: FastifyError & { validation?: unknown }): SluiceError {
  const found = (Array.isArray(error.validation) ? error.validation : []) as { instancePath?: string; message?: string }[]
  const problems = found.map(({ instancePath = '', message = 'is not valid' }) => ({ pointer: instancePath, message: `${instancePath.slice(1) || 'the request'}: ${message}` }))
  return new SluiceError('client.bad_request', { detail: problems.map((problem) => problem.message).join('; '), extra: { problems } })
}
