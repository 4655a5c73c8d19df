import { loadConfigFile } from '@sluice/control/validation'
import { sampleNames, type SampleName } from './upstreams.ts'

interface WithUpstreams {
  readonly upstreams?: Readonly<Record<string, { readonly endpoints?: readonly { readonly url?: string }[] }>>
}

/** The usual ports, for an upstream that the config does not have. */
const usual: Readonly<Record<SampleName, number>> = { users: 9001, orders: 9002, products: 9003 }

/** Where the config expects the sample services. What is wrong in it is the gateway's to say: the usual ports serve then. */
export async function endpointsOf(configFile: string): Promise<Readonly<Record<SampleName, { host: string; port: number }>>> {
  const config = (await loadConfigFile(configFile)).input as WithUpstreams | null | undefined
  const found = sampleNames.map((name) => [name, addressOf(config?.upstreams?.[name]?.endpoints?.[0]?.url) ?? { host: '127.0.0.1', port: usual[name] }] as const)
  return Object.fromEntries(found) as Record<SampleName, { host: string; port: number }>
}

function addressOf(url: unknown): { host: string; port: number } | undefined {
  if (typeof url !== 'string' || !URL.canParse(url)) return undefined
  const { hostname, port } = new URL(url)
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 80) }
}
