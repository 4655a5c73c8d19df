/** Databases of their own, in the PostgreSQL that all test files share, for the tests of stores. */
import { randomBytes } from 'node:crypto'
import { after } from 'node:test'
import pg from 'pg'
import { sharedServers } from '@sluice/testkit'

const server = sharedServers().postgres ?? ''

/** What `work` answers, given a connection of the superuser's to the database at `url` [the server's own]. */
export async function asAdmin<T>(work: (client: pg.Client) => Promise<T>, url = server): Promise<T> {
  const client = new pg.Client(url)
  await client.connect()
  return work(client).finally(() => client.end())
}

/** Makes a database and gives its URL; it is dropped at the end of the suite or file that this is called in. */
export function ownDatabases(): () => Promise<string> {
  const names: string[] = []
  after(async () => {
    for (const name of names) await asAdmin((client) => client.query(`DROP DATABASE ${name} WITH (FORCE)`))
  })
  return async () => {
    const name = `test_${randomBytes(8).toString('hex')}`
    names.push(name)
    await asAdmin((client) => client.query(`CREATE DATABASE ${name}`))
    return server.replace(/[^/]*$/, name)
  }
}
