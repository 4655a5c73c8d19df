/** Gateways that are libraries for Node, with their defaults, in front of the same upstream. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached, installPackages } from '../../infra/local/download.ts'
import { pinned, type BenchPlace, type Contender } from './contenders.ts'

interface NodePeer {
  readonly name: string
  readonly packages: readonly string[]
  /** CommonJS. */
  readonly source: (port: number, upstream: string) => string
}

const fastGateway: NodePeer = {
  name: 'fast-gateway',
  packages: ['fast-gateway@3.4.7'],
  source: (port, upstream) => `require('fast-gateway')({ routes: [{ prefix: '/bench', pathRegex: '', prefixRewrite: '/bench', target: '${upstream}' }] }).start(${port}, '127.0.0.1')`,
}

const fastifyProxy: NodePeer = {
  name: '@fastify/http-proxy',
  packages: ['fastify@5.12.8', '@fastify/http-proxy@11.6.3'],
  source: (port, upstream) => `const app = require('fastify')(); app.register(require('@fastify/http-proxy'), { upstream: '${upstream}' }); app.listen({ port: ${port}, host: '127.0.0.1' })`,
}

/** W1 of each. */
export async function nodePeers(place: BenchPlace): Promise<Contender[]> {
  return Promise.all([fastGateway, fastifyProxy].map((peer) => contender(place, peer)))
}

async function contender(place: BenchPlace, { name, packages, source }: NodePeer): Promise<Contender> {
  const directory = await cached(packages.join('-').replaceAll('/', '-'), (draft) => installPackages(packages, draft))
  const file = join(place.directory, `${name.replaceAll('/', '-')}.cjs`)
  writeFileSync(file, source(place.port, `http://127.0.0.1:${place.upstreamPort}`))
  return {
    name: `${name}, W1`,
    url: `http://127.0.0.1:${place.port}/bench`,
    start: () => pinned(place.gatewayCore, 'env', [`NODE_PATH=${join(directory, 'node_modules')}`, process.execPath, file], place.directory),
  }
}
