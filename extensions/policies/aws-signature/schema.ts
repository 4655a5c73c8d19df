import { z } from 'zod'
import { everyPolicy } from '../every-policy.ts'
import type { PolicySchema } from '../policy.ts'

const name = z.string().regex(/^[a-z0-9-]{1,64}$/, 'small letters, digits and "-"')

const settings = z.strictObject({
  ...everyPolicy,
  accessKeyId: z.string().regex(/^[A-Za-z0-9_]{4,128}$/, 'an access key id').describe('Whose key signs.'),
  secretAccessKey: z.string().min(1).max(1024).describe('The key; best written as `env:NAME`.'),
  sessionToken: z.string().min(1).max(8192).optional().describe('Of temporary credentials.'),
  region: name.describe('Such as `eu-central-1`.'),
  service: name.describe('Such as `s3`, `execute-api` or `lambda`.'),
  payload: z
    .enum(['hash', 'unsigned'])
    .default('hash')
    .describe('`hash` reads a body before it is sent, at most `maxBodyBytes`, and signs it too; `unsigned` lets bodies of any size pass as they come, which S3 takes over https.'),
  maxBodyBytes: z.int().min(0).max(10_485_760).default(1_048_576).describe('The longest body that is read ahead; a longer one is 413.'),
})

export type AwsSignatureSettings = z.output<typeof settings>

export const schema: PolicySchema<AwsSignatureSettings> = { name: 'aws-signature', settings, hooks: ['onRequest', 'onAttempt'] }
