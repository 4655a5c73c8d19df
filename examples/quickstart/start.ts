// `npm start`: the gateway with three sample services behind it. `npm start -- -c FILE` takes another config; the
// sample services then listen where its upstreams `users`, `orders` and `products` point to.
import { dirname, join, relative, resolve } from 'node:path'
import { enableCompileCache } from 'node:module'
import { parseArgs } from 'node:util'

const root = resolve(import.meta.dirname, '../..')
// As the launcher of `sluice` does: what was compiled once is read the next time.
enableCompileCache(join(root, `.cache/node-${process.getuid?.() ?? 0}`))

const [{ runAllInOne }, { listenProblem }, { prepareDevelopmentKey }, { endpointsOf }, { makeRecords, sampleNames, startSampleUpstream }, { printInvitation }] = await Promise.all([
  import('@sluice/all-in-one'),
  import('@sluice/service-kit'),
  import('./development-key.ts'),
  import('./sample-endpoints.ts'),
  import('./upstreams.ts'),
  import('./invitation.ts'),
])

const { values } = parseArgs({ options: { config: { type: 'string', short: 'c', default: join(import.meta.dirname, 'gateway.yaml') } } })
const configFile = resolve(values.config)
const key = prepareDevelopmentKey(join(dirname(configFile), '.sluice'))
const upstreams = await startUpstreams()

await runAllInOne({
  configFile,
  logLevel: 'warn',
  alongside: { stop: async () => void (await Promise.all(upstreams.map((upstream) => upstream.stop()))) },
  onServing: (addresses) => printInvitation({ addresses, upstreams, keyFile: relative(process.cwd(), key.keyFile), configFile: relative(process.cwd(), configFile) }),
})

async function startUpstreams() {
  const records = makeRecords()
  const endpoints = await endpointsOf(configFile)
  return Promise.all(
    sampleNames.map(async (name) => {
      const address = endpoints[name]
      try {
        return await startSampleUpstream(name, records[name], address)
      } catch (error) {
        console.error(listenProblem(error, `${address.host}:${address.port}`, `the endpoint of the upstream "${name}" in ${relative(process.cwd(), configFile)}`))
        return process.exit(1)
      }
    }),
  )
}
