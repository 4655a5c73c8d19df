/** One counter of a limit, looked at or started afresh. */
import { z } from 'zod'
import type { LimitKey } from '../../peers/limits.ts'
import type { AdminParts } from '../admin-parts.ts'
import { readBody } from '../bodies.ts'
import type { AdminApp } from '../fastify-types.ts'

const counter = z.strictObject({
  key: z.string().min(1).max(1024).describe('The counter\'s whole key.'),
  algorithm: z.enum(['token-bucket', 'leaky-bucket', 'fixed-window', 'sliding-window', 'sliding-window-log']).default('token-bucket'),
  limit: z.int().min(1),
  windowSeconds: z.number().min(0.001).max(31_536_000).default(60),
  burst: z.int().min(1).optional().describe('[limit]'),
})

export function addLimitRoutes(app: AdminApp, parts: AdminParts): void {
  const tags = ['limits']
  app.post('/v1/limits/peek', { config: { audit: false, access: 'viewer' }, schema: { tags, summary: 'What is left under a key; nothing is taken', body: counter, response: { 200: z.object({ remaining: z.number(), resetSeconds: z.number() }) } } }, (request) => {
    return parts.limits.peek(keyOf(request.body))
  })
  app.post('/v1/limits/reset', { schema: { tags, summary: 'Let a key start afresh', body: counter, response: { 200: z.object({ existed: z.boolean() }) } } }, async (request) => {
    return { existed: await parts.limits.reset(keyOf(request.body)) }
  })
}

function keyOf(body: unknown): LimitKey {
  const { key, algorithm, limit, windowSeconds, burst = limit } = readBody(counter, body)
  return { key, algorithm, limit, windowMs: windowSeconds * 1000, burst }
}
