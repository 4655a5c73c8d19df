/** What every page is given: the API, who is signed in, and a way to tell what has happened. */
import type { AdminClient } from './api/admin-client.ts'
import type { Role } from './api/answers.ts'
import { createContext, useContext } from './markup.ts'

export interface Session {
  readonly client: AdminClient
  readonly name: string
  readonly role: Role
  /** Shows a sentence for a while, and has it read aloud. */
  readonly tell: (text: string) => void
}

export const SessionContext = createContext<Session | undefined>(undefined)

export function useSession(): Session {
  const session = useContext(SessionContext)
  if (session === undefined) throw new Error('nobody is signed in')
  return session
}

const ranks: Readonly<Record<Role, number>> = { viewer: 0, operator: 1, admin: 2 }

/** Whether who is signed in may do what `needed` may: what would be refused is not offered. */
export function useAllows(needed: Role): boolean {
  return ranks[useSession().role] >= ranks[needed]
}
