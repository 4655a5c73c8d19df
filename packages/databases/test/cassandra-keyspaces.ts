/** Keyspaces of their own, in the Cassandra that all test files share, for the tests of stores. */
import { randomBytes } from 'node:crypto'
import { after } from 'node:test'
import { Client } from 'cassandra-driver'
import { sharedServers } from '@sluice/testkit'

const contactPoints = sharedServers().cassandra ?? ''
const localDatacenter = 'datacenter1'

/** What a store's settings say of a keyspace there. */
export function settingsOf(keyspace: string): { contactPoints: string; localDatacenter: string; keyspace: string } {
  return { contactPoints, localDatacenter, keyspace }
}

/** What `work` answers, given a connection of its own. */
export async function withClient<T>(work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ contactPoints: [contactPoints], localDataCenter: localDatacenter, socketOptions: { readTimeout: 30_000 } })
  return work(client).finally(() => client.shutdown())
}

/** Gives names that nobody has; what a store makes of them is dropped at the end of the suite or file that this is called in. */
export function ownKeyspaces(): () => string {
  const names: string[] = []
  after(async () => {
    if (names.length === 0 || contactPoints === '') return
    await withClient(async (client) => {
      for (const name of names) await client.execute(`DROP KEYSPACE IF EXISTS ${name}`)
    })
  })
  return () => {
    const name = `test_${randomBytes(8).toString('hex')}`
    names.push(name)
    return name
  }
}
