import { freePorts } from '../../packages/testkit/src/free-port.ts'
import { start, type NatsServer } from './nats.ts'

/** Three NATS servers, without streams, that pass on what one hears to the clients of the others. */
export async function startNatsCluster(): Promise<NatsServer[]> {
  const ports = await freePorts(3)
  const routes = ports.map((port) => `"nats://127.0.0.1:${port}"`).join(', ')
  const servers: NatsServer[] = []
  try {
    for (const [index, port] of ports.entries()) {
      servers.push(await start({ jetStream: false, config: `server_name: n${index}\ncluster { name: bus, listen: "127.0.0.1:${port}", routes: [${routes}] }` }))
    }
    return servers
  } catch (error) {
    await Promise.all(servers.map((server) => server.stop()))
    throw error
  }
}
