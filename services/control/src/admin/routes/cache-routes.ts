/** Responses that the edges keep, to be answered with no more. */
import { z } from 'zod'
import { purgeBody, purgedOf } from '../../peers/purge-body.ts'
import type { AdminParts } from '../admin-parts.ts'
import { readBody } from '../bodies.ts'
import type { AdminApp } from '../fastify-types.ts'
import { waitQuery } from '../parameters.ts'
import { receiptOf, receiptShape } from '../write-answers.ts'

const purgeAnswer = z.object(receiptShape).partial()

export function addCacheRoutes(app: AdminApp, parts: AdminParts): void {
  const schema = { tags: ['cache'], summary: 'Purge responses by URL, by the beginning of URLs, by tag, or all', querystring: waitQuery, body: purgeBody, response: { 200: purgeAnswer, 202: purgeAnswer } }
  app.post('/v1/cache/purge', { schema }, async (request, reply) => {
    const body: z.output<typeof purgeBody> = readBody(purgeBody, request.body)
    const { wait, timeoutMs } = request.query
    const receipt = await parts.cachePurges.purge(purgedOf(body), wait === undefined ? undefined : timeoutMs)
    if (receipt === undefined) return reply.code(200).send({})
    return reply.code(receipt.missing.length > 0 ? 202 : 200).send(receiptOf(receipt))
  })
}
