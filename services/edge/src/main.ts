import { resolve } from 'node:path'
import { configVerifierFrom } from '@sluice/buses/config-feed'
import { defaultScope } from '@sluice/proto/subjects'
import { redisCountersSettings, redisDoors, runServiceProcess } from '@sluice/service-kit'
import { openEdgeBus } from './edge-bus.ts'
import { createEdge } from './service.ts'
import { type EdgeSettings, edgeSettings } from './settings.ts'
import { pullOverHttp } from './snapshot/pull-over-http.ts'

/** An edge of the distributed mode: `sluice service edge`. */
export function main(): Promise<void> {
  return runServiceProcess({
    name: 'edge',
    settings: edgeSettings,
    doors: (settings) => [
      ...redisDoors(settings),
      ...(settings.globalRedisUrl ?? []).map((url) => ({ setting: 'SLUICE_GLOBAL_REDIS_URL', url })),
      ...settings.controlUrls.map((url) => ({ setting: 'SLUICE_CONTROL_URLS', url })),
    ],
    openBus: openEdgeBus,
    async create(settings, parts) {
      const dataDirectory = resolve(settings.dataDir)
      if (settings.listenHttp !== undefined) parts.logger.info({ address: settings.listenHttp }, 'SLUICE_LISTEN_HTTP takes the place of listeners.http.address')
      if (settings.listenHttps !== undefined) parts.logger.info({ address: settings.listenHttps }, 'SLUICE_LISTEN_HTTPS takes the place of listeners.https.address')
      if (settings.configVerifyKeys === undefined) parts.logger.warn('SLUICE_CONFIG_VERIFY_KEYS is not set: revisions are taken from whoever may speak on the bus')
      const edge = createEdge({
        ...parts,
        scope: defaultScope,
        name: settings.edgeName,
        zone: settings.zone,
        datacenter: settings.datacenter,
        workers: settings.workers,
        shedLagMs: settings.shedLagMs,
        cacheBytes: settings.cacheMb * 1024 * 1024,
        reusePort: settings.reusePort,
        dnsServers: settings.dnsServers,
        dataDirectory,
        verifier: configVerifierFrom(settings.configVerifyKeys, 'SLUICE_CONFIG_VERIFY_KEYS'),
        baseDirectory: dataDirectory,
        counting: { redis: redisCountersSettings(settings), ...globalRedis(settings) },
        ...(settings.listenHttp === undefined ? {} : { listenHttp: settings.listenHttp }),
        ...(settings.listenHttps === undefined ? {} : { listenHttps: settings.listenHttps }),
        ...(settings.controlUrls.length === 0 ? {} : { fallback: pullOverHttp(settings.controlUrls, settings.controlToken) }),
      })
      process.on('SIGHUP', () => void edge.restartWorkers())
      return { service: edge, metrics: () => edge.metricsSnapshot() }
    },
  })
}

/** A Redis for all datacenters: one server, with the certificates of the other one. */
function globalRedis(settings: EdgeSettings) {
  const { globalRedisUrl: redisUrl, globalRedisTimeoutMs: redisTimeoutMs } = settings
  if (redisUrl === undefined) return {}
  return { globalRedis: redisCountersSettings({ ...settings, redisUrl, redisTimeoutMs, redisSentinel: undefined, redisCluster: false }) }
}
