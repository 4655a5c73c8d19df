/** Request bodies: JSON as it comes, YAML for whole configurations, and what is wrong with them in words of ours. */
import { SluiceError } from '@sluice/errors'
import type { FastifyInstance } from 'fastify'
import type { z } from 'zod'
import { problemsError } from '../revisions/config-problems.ts'
import { readConfigText } from '../validation/config-text.ts'
import { ProblemList } from '../validation/problem.ts'
import { addShapeProblems, shapeErrorMap } from '../validation/shape.ts'

/** A whole configuration; anything else is small. */
export const maxConfigBytes = 64 * 1024 * 1024
export const maxBodyBytes = 1024 * 1024

const yamlTypes = ['application/yaml', 'application/x-yaml', 'text/yaml', 'text/x-yaml']

export function acceptYaml(app: FastifyInstance): void {
  app.addContentTypeParser(yamlTypes, { parseAs: 'string' }, (_request, text, done) => {
    const { value, problems } = readConfigText(text as string, 'body')
    if (problems.length === 0) return done(null, value)
    const told = problems.map(({ message, position: { line, column } }) => ({ pointer: '', message: `line ${line}, column ${column}: ${message}` }))
    done(new SluiceError('config.invalid', { detail: told[0]?.message ?? '', extra: { problems: told } }))
  })
}

export function bodyMap(body: unknown): Readonly<Record<string, unknown>> {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Readonly<Record<string, unknown>>
  throw new SluiceError('config.invalid', { detail: 'The body is a JSON object', extra: { problems: [{ pointer: '', message: 'expected a map of settings' }] } })
}

/** A body that is no part of the configuration. Throws `config.invalid` with every problem. */
export function readBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body, shapeErrorMap)
  if (parsed.success) return parsed.data
  const problems = new ProblemList()
  addShapeProblems(parsed.error.issues, { schema, base: [], written: body, notBuilt: () => [], problems })
  throw problemsError(problems.all())
}
