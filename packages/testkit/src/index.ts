export { makeCertificate, makeRevocationList, type CertificateOptions, type MadeCertificate } from '@sluice/service-kit/certificates'
export { createFakeClock, type FakeClock } from './fake-clock.ts'
export { suiteCleanup } from './suite-cleanup.ts'
export { waitUntil, type WaitOptions } from './wait-until.ts'
export { freePort, freePorts } from './free-port.ts'
export { LossyRelay, type Cut, type Splitter } from './lossy-relay.ts'
export { fetchOnce, type FetchedResponse, type FetchOptions } from './http-client.ts'
export { runProcess, startProcess, type Cleanup, type Exit, type ProcessOptions, type RunningProcess } from './child-process.ts'
export { startServiceProcess, type ServiceProcess } from './service-process.ts'
export { testServiceProcess } from './service-process.contract.ts'
export type { RecordedRequest } from './recorded-request.ts'
export { ScriptedUpstream, startUpstream, type UpstreamOptions } from './scripted-upstream.ts'
export { afterDelay, afterPromise, answer, closeConnection, echo, neverAnswer, rawBytes, resetConnection, streamChunks, type Reply, type Script } from './upstream-scripts.ts'
export {
  missingServer,
  needServer,
  primaryName,
  sharedServers,
  startCassandra,
  startEtcd,
  startNats,
  startNatsCluster,
  startPostgres,
  startRedis,
  startRedisCluster,
  startSentinels,
  type CassandraOptions,
  type CassandraServer,
  type EtcdOptions,
  type EtcdServer,
  type NatsOptions,
  type NatsServer,
  type PostgresOptions,
  type PostgresServer,
  type RedisGroup,
  type RedisOptions,
  type RedisServer,
  type ServerName,
} from './servers.ts'
export { startCloudMap, type CloudMap } from './cloud-map.ts'
export { startTlsRelay } from './tls-relay.ts'
export { startConsul, type ConsulInstance, type ConsulServer } from './consul-server.ts'
export { startDnsServer, type DnsServer, type DnsZone } from './dns-server.ts'
export { startKubernetes, type KubernetesEndpoint, type KubernetesServer } from './kubernetes-server.ts'
