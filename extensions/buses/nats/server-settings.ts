/** What a NATS server for the gateway is set up with: TLS 1.3 alone, a user for each service and one for backends, and what each may do. */
import { nkeys } from 'nats'
import { type BusPermissions, type BusUserName, busUserNames, permissionsOf } from '@sluice/proto/bus-permissions'

export interface BusUser {
  readonly name: BusUserName
  /** The public key: what the server knows. */
  readonly nkey: string
  /** The text of its `.creds` file. */
  readonly credentials: string
}

export interface ServerFiles {
  readonly certFile: string
  readonly keyFile: string
}

/** All that there are, each with a key that is made now. */
export function createBusUsers(): BusUser[] {
  return busUserNames.map((name) => {
    const pair = nkeys.createUser()
    const seed = new TextDecoder().decode(pair.getSeed())
    const credentials = `# Who holds this speaks on the bus as ${name}.\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`
    return { name, nkey: pair.getPublicKey(), credentials }
  })
}

/** The configuration file of nats-server (2.10 or newer). */
export function natsServerSettings(users: readonly BusUser[], listen: string, { certFile, keyFile }: ServerFiles): string {
  return `# Made by \`sluice bus init\`. A user's key is replaced here and in its .creds file; \`nats-server --signal reload\` takes it.
listen: ${JSON.stringify(listen)}
max_payload: 1MB
# A peer that does not read is cut after two seconds; it reconnects and asks for what it missed.
write_deadline: "2s"

tls {
  cert_file: ${JSON.stringify(certFile)}
  key_file: ${JSON.stringify(keyFile)}
  min_version: "1.3"
}

authorization {
  users: [
${users.map((user) => userSettings(user, permissionsOf(user.name))).join('\n')}
  ]
}
`
}

function userSettings({ name, nkey }: BusUser, { publish, subscribe }: BusPermissions): string {
  // A backend is asked nothing.
  const responses = name === 'backend' ? '' : '      allow_responses: { max: 1, expires: "1m" }\n'
  const list = (subjects: readonly string[]) => subjects.map((subject) => JSON.stringify(subject)).join(', ')
  return `    # ${name}
    { nkey: ${nkey}, permissions: {
      publish: { allow: [${list(publish)}] }
      subscribe: { allow: [${list(subscribe)}] }
${responses}    } }`
}
