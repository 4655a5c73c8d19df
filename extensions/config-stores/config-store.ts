/**
 * Where revisions are kept. A scope's revisions are a contiguous line 1, 2, 3, …; a commit is a compare-and-set on
 * its head, so two writers can never both be given the same number. Bodies are opaque bytes to the store.
 */
export interface RevisionRecord {
  readonly scope: string
  readonly revision: number
  /** SHA-256 of `body`, lower-case hex. */
  readonly digest: string
  /** Made by the committer; tells after a time-out whether the commit was ours. */
  readonly changeId: string
  readonly author: string
  readonly note: string
  /** Where it came from. */
  readonly origin: 'file' | 'api' | 'rollback'
  /** Digest of the file it was applied from, empty otherwise. */
  readonly fileDigest: string
  readonly committedAtMs: number
}

export interface Revision extends RevisionRecord {
  readonly body: Uint8Array
}

export interface Commit extends Omit<Revision, 'revision' | 'committedAtMs'> {
  /** The head this was made from; 0 for the first. */
  readonly expectedHead: number
  readonly committedAtMs: number
}

export type CommitOutcome =
  | { readonly outcome: 'committed'; readonly revision: number }
  | { readonly outcome: 'conflict'; readonly head: number }

/** A commit that stands in the line, so that the next can be made from it, and may not be on the disk yet. */
export interface WrittenCommit {
  readonly outcome: CommitOutcome
  /** Resolves when nothing takes it any more; rejects with `dependency.store_unreachable`. */
  readonly kept: Promise<void>
}

export interface AuditEntry {
  readonly scope: string
  readonly atMs: number
  readonly actor: string
  /** Such as `PUT /v1/routes/get-user`. */
  readonly action: string
  /** What came of it: `revision 42`, or an error code. */
  readonly outcome: string
}

/** Something that has happened. */
export interface StoredEvent {
  readonly scope: string
  readonly atMs: number
  /** Together with the instant what tells it from others: heard by several controls it is one. */
  readonly key: string
  readonly body: string
}

/** Of a scope, at least those that came last; stores that keep them by time alone keep more. */
export const MAX_EVENTS = 10_000

export interface KnownEdge {
  readonly name: string
  readonly instance: string
  readonly lastHeartbeatMs: number
}

/** What a driver is given besides its settings. */
export interface StoreParts {
  /** Milliseconds since the Unix epoch [the system's]. */
  readonly clock?: { now(): number }
  /** Told what an operator should know and nothing else would show. */
  readonly onWarning?: (message: string) => void
}

/** Every call rejects with `dependency.store_unreachable` when the store cannot answer; none hangs beyond 5 s. */
export interface ConfigStore {
  head(scope: string): Promise<RevisionRecord | undefined>
  read(scope: string, revision: number): Promise<Revision | undefined>
  /** Newest first, from `before` (exclusive) on. */
  list(scope: string, options: { before?: number; limit: number }): Promise<RevisionRecord[]>
  /** The newest revision with `origin: 'file'`, for "differs from the last one applied from a file". */
  lastFromFile(scope: string): Promise<RevisionRecord | undefined>
  /** Repeating a commit with the same `changeId` after an ambiguous failure answers the first outcome. */
  commit(commit: Commit): Promise<CommitOutcome>
  /**
   * `commit` in two steps, of a store where one flush can serve several commits. `head`, `list` and `watch` know of a
   * revision only when it is kept; `read` and the `head` of a conflict before.
   */
  write?(commit: Commit): Promise<WrittenCommit>
  appendAudit(entry: AuditEntry): Promise<void>
  listAudit(scope: string, options: { limit: number; beforeMs?: number }): Promise<AuditEntry[]>
  /** Kept for some weeks, and then let go; the newest `MAX_EVENTS` of a scope at least until then. */
  appendEvent(event: StoredEvent): Promise<void>
  /** Newest first. */
  listEvents(scope: string, options: { limit: number }): Promise<StoredEvent[]>
  /** Edges seen, so that a control that restarts knows whom a receipt must wait for. */
  saveEdge(scope: string, edge: KnownEdge): Promise<void>
  removeEdge(scope: string, name: string): Promise<void>
  edges(scope: string): Promise<KnownEdge[]>
  /**
   * Calls back with the head that stands when watching begins, if there is one, so that none is missed, and then with
   * each new head in order and without a gap, made here or by another writer (within about a second).
   */
  watch(scope: string, onHead: (head: RevisionRecord) => void): { stop(): void }
  ping(): Promise<void>
  /** Resolves when a commit could be taken now: reading may go on where writing does not, as on the smaller side of a split. */
  requireWritable(scope: string): Promise<void>
  close(): Promise<void>
}
