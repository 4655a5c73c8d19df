import { z } from 'zod'

const settings = z.strictObject({})

/** Lines on the process's standard output. */
export const schema = { name: 'stdout', settings } as const

export type StdoutSettings = z.output<typeof settings>
