/** Settings that every policy about bearer tokens takes. */
import { z } from 'zod'
import { parseSource } from './credential-source.ts'

export const requiredClaims = z
  .union([z.array(z.string().min(1)), z.record(z.string().min(1), z.union([z.string(), z.number(), z.boolean()]))], 'a list of names, or a map of names and values')
  .default([])
  .describe('Claims that must be there (a list of names), or have a value (a map); a claim that is a list must contain it.')

export const scopes = z
  .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'a scope without spaces, quotes and backslashes'))
  .default([])
  .describe('Scopes that the token must all have; a missing one is 403.')

export const audiences = z.array(z.string().min(1)).default([]).describe('`aud` must name one of these; empty: not checked.')

export const from = z
  .string()
  .refine((value) => parseSource(value) !== undefined, '"header NAME", "query NAME" or "cookie NAME"')
  .default('header authorization')
  .describe('Where the token stands; in `authorization` behind the scheme `Bearer`.')

export const forwardToken = z.boolean().default(true).describe('Send the token on to the upstream.')
