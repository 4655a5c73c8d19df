/** Header fields that a configuration writes: which names it may touch, and what their values may hold. */
import { z } from 'zod'
import { templateProblem } from './value-template.ts'

/** Fields by which a message is framed and routed; the gateway writes them itself. */
const ownedByGateway = new Set([
  'connection', 'content-length', 'host', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade',
])

export const fieldName = z
  .string()
  .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, 'a header field name')
  .refine((name) => !ownedByGateway.has(name.toLowerCase()), 'a field that the gateway does not write itself')

/** A text with `{parameter}`, `{claim:NAME}` and `{consumer}`. */
export const templateText = z.string().superRefine((text, context) => {
  const problem = templateProblem(text)
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
})

/** A template that may stand in a field: visible ASCII, spaces and tabs. */
export const fieldTemplate = templateText.regex(/^[\t\x20-\x7e]*$/, 'a text of visible ASCII characters and spaces, as a header field holds it')
