import { z } from 'zod'
import { everyPolicy } from '../every-policy.ts'
import type { PolicySchema } from '../policy.ts'
import { targetProblem } from './target.ts'

/**
 * Where a redirect may lead: a path, or a URL whose host is written out or is that of the request. A host from a
 * parameter or a claim would let whoever writes it choose where the client goes (CWE-601).
 */
const targetPattern = /^(?:https?:\/\/(?:\{request:host\}|[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?=[/?#]|\{request:(?:path|target)\}|$)|\/(?![/\\]))[\x21-\x7e]*$/
const expected = 'a path, or a URL with http:// or https:// and a host that is written out or "{request:host}", in visible ASCII'

const settings = z.strictObject({
  ...everyPolicy,
  to: z
    .string()
    .regex(targetPattern, expected)
    .superRefine((text, context) => {
      const problem = targetProblem(text)
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
    })
    .describe('Where to; `{parameter}`, `{claim:NAME}`, `{consumer}` and `{request:host}`, `{request:path}`, `{request:query}`, `{request:target}` (path and query) are filled in.'),
  status: z.literal([301, 302, 303, 307, 308]).default(302).describe('301 and 308 are remembered by clients; 307 and 308 keep the method.'),
})

export type RedirectSettings = z.output<typeof settings>

export const schema: PolicySchema<RedirectSettings> = { name: 'redirect', settings, hooks: ['onRequest'], answers: true }
