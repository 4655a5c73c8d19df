/**
 * Who listens to a subject. Subscriptions without a wildcard are found by one map lookup; patterns stand in a trie of
 * tokens, walked only when there are any. `*` is one token, a last `>` one or more.
 */
interface TrieNode<T> {
  readonly children: Map<string, TrieNode<T>>
  /** Patterns that end here. */
  readonly values: Set<T>
  /** Patterns whose `>` stands here. */
  readonly tails: Set<T>
}

// A server closes the connection of a client whose protocol line exceeds 4096 bytes; the reply subject and queue name share it.
const maxSubjectLength = 1024
const subjectForm = /^[^\s.*>]+(?:\.[^\s.*>]+)*$/
const patternForm = /^(?:>|(?:\*|[^\s.*>]+)(?:\.(?:\*|[^\s.*>]+))*(?:\.>)?)$/

/** Whether messages can be sent to `subject`. */
export function isSubject(subject: string): boolean {
  return subject.length <= maxSubjectLength && subjectForm.test(subject)
}

/** Whether `pattern` can be subscribed to. */
export function isPattern(pattern: string): boolean {
  return pattern.length <= maxSubjectLength && patternForm.test(pattern)
}

export class SubjectIndex<T> {
  readonly #exact = new Map<string, Set<T>>()
  #root: TrieNode<T> = emptyNode()

  /** Keeps `value` under `pattern` until the returned function is called. */
  add(pattern: string, value: T): () => void {
    if (isSubject(pattern)) return this.#addExact(pattern, value)
    const tokens = pattern.split('.')
    addToTrie(this.#root, tokens, 0, value)
    return () => void removeFromTrie(this.#root, tokens, 0, value)
  }

  /** Every value whose pattern matches `subject`. */
  match(subject: string): T[] {
    const found = [...(this.#exact.get(subject) ?? [])]
    if (!isEmpty(this.#root)) collect(this.#root, subject.split('.'), 0, found)
    return found
  }

  clear(): void {
    this.#exact.clear()
    this.#root = emptyNode()
  }

  #addExact(subject: string, value: T): () => void {
    const values = this.#exact.get(subject)
    if (values === undefined) this.#exact.set(subject, new Set([value]))
    else values.add(value)
    return () => {
      const left = this.#exact.get(subject)
      if (left?.delete(value) === true && left.size === 0) this.#exact.delete(subject)
    }
  }
}

function emptyNode<T>(): TrieNode<T> {
  return { children: new Map(), values: new Set(), tails: new Set() }
}

function isEmpty<T>(node: TrieNode<T>): boolean {
  return node.children.size === 0 && node.values.size === 0 && node.tails.size === 0
}

function addToTrie<T>(node: TrieNode<T>, tokens: readonly string[], at: number, value: T): void {
  const token = tokens[at]
  if (token === undefined) return void node.values.add(value)
  if (token === '>') return void node.tails.add(value)
  let child = node.children.get(token)
  if (child === undefined) node.children.set(token, (child = emptyNode()))
  addToTrie(child, tokens, at + 1, value)
}

/** Takes the value out and the nodes that are left empty, so that patterns that come and go leave nothing behind. */
function removeFromTrie<T>(node: TrieNode<T>, tokens: readonly string[], at: number, value: T): void {
  const token = tokens[at]
  if (token === undefined) return void node.values.delete(value)
  if (token === '>') return void node.tails.delete(value)
  const child = node.children.get(token)
  if (child === undefined) return
  removeFromTrie(child, tokens, at + 1, value)
  if (isEmpty(child)) node.children.delete(token)
}

function collect<T>(node: TrieNode<T>, tokens: readonly string[], at: number, found: T[]): void {
  const token = tokens[at]
  if (token === undefined) return void found.push(...node.values)
  found.push(...node.tails)
  const literal = node.children.get(token)
  if (literal !== undefined) collect(literal, tokens, at + 1, found)
  const star = node.children.get('*')
  if (star !== undefined) collect(star, tokens, at + 1, found)
}
