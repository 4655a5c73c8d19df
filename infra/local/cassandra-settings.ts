// How a small Cassandra for tests is set: a heap of 256 MB, 8 MB commit log segments, one node unless it joins others.
import { join } from 'node:path'

export interface CassandraPorts {
  native: number
  storage: number
  jmx: number
}

export interface CassandraPlace {
  host: string
  ports: CassandraPorts
  /** host:port where nodes of its cluster meet [its own]. */
  seed?: string | undefined
  /** Named, it stands in `cassandra-rackdc.properties`. */
  datacenter?: string | undefined
}

/** The content of cassandra.yaml, as the object it stands for (JSON is YAML). */
export function cassandraSettings(directory: string, { host, ports, seed, datacenter }: CassandraPlace): Record<string, unknown> {
  return {
    cluster_name: 'local',
    num_tokens: 16,
    allocate_tokens_for_local_replication_factor: 1,
    partitioner: 'org.apache.cassandra.dht.Murmur3Partitioner',
    authenticator: 'AllowAllAuthenticator',
    authorizer: 'AllowAllAuthorizer',
    commitlog_sync: 'periodic',
    commitlog_sync_period: '1000ms',
    commitlog_segment_size: '8MiB',
    data_file_directories: [join(directory, 'data')],
    commitlog_directory: join(directory, 'commitlog'),
    hints_directory: join(directory, 'hints'),
    saved_caches_directory: join(directory, 'saved_caches'),
    cdc_enabled: false,
    endpoint_snitch: datacenter === undefined ? 'SimpleSnitch' : 'GossipingPropertyFileSnitch',
    seed_provider: [
      { class_name: 'org.apache.cassandra.locator.SimpleSeedProvider', parameters: [{ seeds: seed ?? `${host}:${ports.storage}` }] },
    ],
    listen_address: host,
    rpc_address: host,
    storage_port: ports.storage,
    native_transport_port: ports.native,
    start_native_transport: true,
    auto_snapshot: false,
    disk_access_mode: 'mmap_index_only',
    memtable_heap_space: '24MiB',
    memtable_offheap_space: '24MiB',
    file_cache_size: '32MiB',
    key_cache_size: '8MiB',
    concurrent_reads: 8,
    concurrent_writes: 8,
    concurrent_counter_writes: 8,
    concurrent_compactors: 1,
  }
}

/** For clients that log in over TLS. */
export function securedSettings({ cert, key }: { cert: string; key: string }): Record<string, unknown> {
  return {
    authenticator: 'PasswordAuthenticator',
    authorizer: 'CassandraAuthorizer',
    role_manager: 'CassandraRoleManager',
    client_encryption_options: {
      enabled: true,
      optional: false,
      ssl_context_factory: { class_name: 'org.apache.cassandra.security.PEMBasedSslContextFactory', parameters: { private_key: `${key}${cert}` } },
    },
  }
}

export const LOGBACK = `<configuration>
  <appender name="OUT" class="ch.qos.logback.core.ConsoleAppender"><encoder><pattern>%-5level %logger{0} %msg%n</pattern></encoder></appender>
  <root level="WARN"><appender-ref ref="OUT"/></root>
</configuration>
`

// Cassandra 5.0 reaches into the JDK; these are the doors that its own start script opens on JDK 17.
const EXPORTED = [
  'java.base/jdk.internal.misc',
  'java.management.rmi/com.sun.jmx.remote.internal.rmi',
  'java.rmi/sun.rmi.registry',
  'java.rmi/sun.rmi.server',
  'java.sql/java.sql',
  'java.base/java.lang.ref',
  'jdk.unsupported/sun.misc',
]
const OPENED = [
  ...['lang', 'lang.module', 'lang.reflect', 'io', 'nio', 'net', 'util', 'util.concurrent', 'util.concurrent.atomic'].map((name) => `java.base/java.${name}`),
  'java.base/sun.nio.ch',
  ...['loader', 'ref', 'reflect', 'math', 'module', 'util.jar'].map((name) => `java.base/jdk.internal.${name}`),
  'jdk.management/com.sun.management.internal',
  'java.management.rmi/com.sun.jmx.remote.internal.rmi',
]

/** Arguments of `java`; `jars` is the directory of Cassandra's jars. */
export function javaArguments(directory: string, jars: string, ports: CassandraPorts): string[] {
  return [
    ...['-Xms256M', '-Xmx256M', '-Xss512k', '-XX:+UseSerialGC', '-XX:MaxDirectMemorySize=128M', '-XX:TieredStopAtLevel=1', '-XX:+PerfDisableSharedMem'],
    `-javaagent:${join(jars, 'jamm-0.4.0.jar')}`,
    '-Djdk.attach.allowAttachSelf=true',
    ...EXPORTED.flatMap((name) => ['--add-exports', `${name}=ALL-UNNAMED`]),
    ...OPENED.flatMap((name) => ['--add-opens', `${name}=ALL-UNNAMED`]),
    '-Dio.netty.tryReflectionSetAccessible=true',
    '-Djava.net.preferIPv4Stack=true',
    '-Djava.rmi.server.hostname=127.0.0.1',
    `-Dlogback.configurationFile=file://${join(directory, 'logback.xml')}`,
    `-Dcassandra.config=file://${join(directory, 'cassandra.yaml')}`,
    `-Dcassandra.storagedir=${directory}`,
    `-Dcassandra.logdir=${join(directory, 'logs')}`,
    `-Dcassandra.jmx.local.port=${ports.jmx}`,
    '-Dcassandra-foreground=yes',
    '-Dcassandra.skip_wait_for_gossip_to_settle=0',
    '-Dcassandra.ring_delay_ms=1000',
    '-Dcassandra.superuser_setup_delay_ms=0',
    ...['-cp', `${directory}:${join(jars, '*')}`, 'org.apache.cassandra.service.CassandraDaemon'],
  ]
}
