/** Everything that control and auth keep, as one stream: what `sluice backup` writes down. */
import { Readable } from 'node:stream'
import { z } from 'zod'
import { backupRecords, beginBackup } from '../../backup/backup-stream.ts'
import type { BackupRecord } from '../../backup/backup-records.ts'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApp } from '../fastify-types.ts'

const number = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const query = z
  .strictObject({
    afterRevision: number.optional().describe('The revision that the backup before ended with; left out, all are in it.'),
    afterChange: z.string().max(100).optional().describe('The change that made that revision.'),
    afterVersion: number.optional().describe('The version of the consumers of the backup before.'),
  })
  .refine((given) => (given.afterRevision === undefined) === (given.afterVersion === undefined), 'afterRevision and afterVersion go together')

export function addBackupRoutes(app: AdminApp, parts: AdminParts): void {
  const schema = { tags: ['backup'], summary: 'Revisions and consumers as lines of JSON; values of references are left out', querystring: query, produces: ['application/x-ndjson'] }
  app.get('/v1/backup', { config: { access: 'admin' }, schema }, async (request, reply) => {
    const { afterRevision: revision, afterChange: changeId = '', afterVersion: credentialVersion } = request.query
    const since = revision === undefined || credentialVersion === undefined ? undefined : { revision, changeId, credentialVersion }
    const begin = await beginBackup(parts, since)
    parts.logger.info({ actor: request.principal?.name ?? '', afterRevision: begin.afterRevision, revision: begin.revision }, 'a backup is read')
    return reply.type('application/x-ndjson').send(Readable.from(lines(backupRecords(parts, begin, since))) as never)
  })
}

async function* lines(records: AsyncIterable<BackupRecord>): AsyncGenerator<string> {
  for await (const record of records) yield `${JSON.stringify(record)}\n`
}
