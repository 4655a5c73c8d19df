import type { Row, RowContext } from '../row.ts'

async function rollEverything(context: RowContext): Promise<void> {
  const { matrix, load } = context
  const { zoned, system } = matrix
  const before = await context.quietSpan()
  for (const service of zoned.services) {
    const from = performance.now()
    await service.restart()
    await zoned.settled()
    context.note(`${service.name}:`)
    context.clean(before, load.between(from, performance.now()))
  }
  for (const [index, server] of zoned.nats.entries()) {
    const from = performance.now()
    await server.kill()
    await server.start()
    await zoned.settled()
    context.note(`NATS ${index + 1} of ${zoned.nats.length}:`)
    context.clean(before, load.between(from, performance.now()))
  }
  for (const edge of system.edges) {
    const from = performance.now()
    await edge.process.restart()
    await zoned.settled()
    context.note(`${edge.name}, seen by the others:`)
    context.clean(before, load.between(from, performance.now(), system.edges.filter((other) => other !== edge).map(({ name }) => name)))
  }
}

export const restartRows: readonly Row[] = [
  { id: 'rolling-restart', fault: 'rolling restart of everything', expectation: 'clean, with each edge watched by the clients of the others', run: rollEverything },
  { id: 'two-versions', fault: 'two versions mixed', expectation: 'N − 1 and N agree on messages', cannot: () => 'there is one version yet; what may change in messages is checked against the accepted ones by `npm run check`' },
]
