/** What `sluice restore` needs of control. */
export type { BackupBegin, BackupConsumer, BackupRecord, BackupRevision, BackupRevocation, BackupSessionEnd } from './backup-records.ts'
export { finishRestore, requireEmptyStore, restoreRevision } from './restore-revisions.ts'
export type { RestoreParts } from './restore-revisions.ts'
