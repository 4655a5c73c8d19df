import type { Row } from '../row.ts'

export const storeRows: readonly Row[] = [
  {
    id: 'cassandra-datacenter-killed',
    fault: 'Cassandra: a datacenter killed, quorum lost',
    expectation: '503 with reason; reads go on; no revision twice or lost once it is back',
    tests: [{ file: 'extensions/config-stores/test/two-datacenters.long.ts' }],
  },
  {
    id: 'cassandra-away-or-slow',
    fault: 'Cassandra cut off, then 500 ms slow, under traffic',
    expectation: 'clean; 503 with reason; slow: a write within 5 s, none doubled',
    tests: [{ file: 'e2e/distributed.test.ts', cases: 'Cassandra' }],
  },
]
