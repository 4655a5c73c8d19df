// Zones as network namespaces of this machine, each with addresses of its own: joined by a bridge that can be cut, and reached by the
// clients of each zone over another link that stays. A namespace lives as long as the process that holds it, and the links
// go with it: whatever happens to the tests, nothing is left behind.
import { spawnSync } from 'node:child_process'
import { startProcess, waitUntil, type Cleanup, type RunningProcess } from '@sluice/testkit'

/** Where the clients and the services behind the gateway are: in the namespace of the tests themselves. */
export const outside = '10.79.0.1'

/** Where the tests are on the bridge between the zones. */
export const meetingAddress = '10.77.0.100'

const enterNew = ['unshare', '--net', '--']

/** The command before another one that gives it a network of its own; undefined where this machine does not let us. */
export function ownNetwork(): readonly string[] | undefined {
  const tries = [enterNew, ['unshare', '--user', '--map-root-user', '--net', '--']]
  return tries.find(([command = '', ...args]) => spawnSync(command, [...args, 'ip', 'link', 'set', 'lo', 'up']).status === 0)
}

/** Whether rules of nft can be set in a namespace of this one. */
export function hasFilter(): boolean {
  return spawnSync('unshare', ['--net', '--', 'nft', 'add', 'table', 'inet', 'probe']).status === 0
}

/** Makes this process's own namespace the place where zones meet; once. */
export function openMeetingPlace(): void {
  run(['ip', 'link', 'set', 'lo', 'up'])
  run(['ip', 'link', 'add', 'backbone', 'type', 'bridge'])
  run(['ip', 'address', 'add', `${meetingAddress}/24`, 'dev', 'backbone'])
  run(['ip', 'link', 'set', 'backbone', 'up'])
  for (let last = 1; last <= 4; last++) run(['ip', 'address', 'add', `10.79.0.${last}/32`, 'dev', 'lo'])
}

export class Zone {
  readonly name: string
  /** As the other zones know it. */
  readonly address: string
  /** As its clients, and the tests, know it; there also while the zone is cut off from the others. */
  readonly clientAddress: string
  /** The command before another one that runs it in this zone, as the same process. */
  readonly enter: readonly string[]

  /** Our ends of its links. Named by the process, since those of a zone that has ended go a moment later. */
  readonly #bridged: string
  readonly #toClients: string

  private constructor(name: string, index: number, pid: number) {
    this.name = name
    this.#bridged = `b${pid}`
    this.#toClients = `c${pid}`
    this.address = `10.77.0.${index}`
    this.clientAddress = `10.78.${index}.2`
    this.enter = ['nsenter', `--net=/proc/${pid}/ns/net`, '--']
  }

  /** A new zone; `index` is 1 to 9, each once. */
  static async open(t: Cleanup, name: string, index: number): Promise<Zone> {
    const [command = '', ...args] = enterNew
    const holder = startProcess(t, command, [...args, 'sleep', '1000000'])
    await waitUntil(() => isApart(holder), { what: `the namespace of zone ${name}` })
    const zone = new Zone(name, index, holder.pid)
    const inside = (...rest: string[]) => run([...zone.enter, 'ip', ...rest])
    for (const [link, here] of [[zone.#bridged, 'backbone'], [zone.#toClients, 'clients']] as const) run(['ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', here, 'netns', String(holder.pid)])
    run(['ip', 'link', 'set', zone.#bridged, 'master', 'backbone', 'up'])
    run(['ip', 'address', 'add', `10.78.${index}.1/24`, 'dev', zone.#toClients])
    run(['ip', 'link', 'set', zone.#toClients, 'up'])
    inside('link', 'set', 'lo', 'up')
    for (const [device, address] of [['backbone', zone.address], ['clients', zone.clientAddress]] as const) {
      inside('address', 'add', `${address}/24`, 'dev', device)
      inside('link', 'set', device, 'up')
    }
    inside('route', 'add', 'default', 'via', `10.78.${index}.1`)
    return zone
  }

  /** Nothing of this zone reaches another one, nor the other way round, without a word to anybody. */
  cut(): void {
    run(['ip', 'link', 'set', this.#bridged, 'down'])
  }

  heal(): void {
    run(['ip', 'link', 'set', this.#bridged, 'up'])
  }

  /** Sets rules of nft in the place of those before: one a line, in a chain of what comes in and one of what goes out. */
  filter({ input = [], output = [] }: { input?: readonly string[]; output?: readonly string[] }): void {
    this.unfilter()
    const chain = (hook: string, rules: readonly string[]) => [`add chain inet matrix ${hook} { type filter hook ${hook} priority 0; policy accept; }`, ...rules.map((rule) => `add rule inet matrix ${hook} ${rule}`)]
    run([...this.enter, 'nft', '-f', '-'], ['add table inet matrix', ...chain('input', input), ...chain('output', output), ''].join('\n'))
  }

  unfilter(): void {
    run([...this.enter, 'nft', '-f', '-'], 'add table inet matrix\ndelete table inet matrix\n')
  }

  /** Addresses and ports of the other end of each TCP connection of this zone, and whether it was opened from here. */
  connections(): { readonly to: string; readonly port: number; readonly fromHere: boolean }[] {
    const listening = new Set(rowsOf(this.enter).filter(({ state }) => state === '0A').map(({ port }) => port))
    return rowsOf(this.enter).filter(({ state }) => state === '01').map(({ port, to, toPort }) => ({ to, port: toPort, fromHere: !listening.has(port) }))
  }
}

interface SocketRow {
  readonly port: number
  readonly to: string
  readonly toPort: number
  readonly state: string
}

/** The kernel's table of the namespace (proc(5), `/proc/net/tcp`): addresses are hexadecimal, least significant byte first. */
function rowsOf(enter: readonly string[]): SocketRow[] {
  return run([...enter, 'cat', '/proc/net/tcp', '/proc/net/tcp6']).split('\n').flatMap((line) => {
    const [, local = '', remote = '', state = ''] = /^\s*\d+: (\S+) (\S+) (\S\S) /.exec(line) ?? []
    if (state === '') return []
    const address = (remote.split(':')[0] ?? '').slice(-8).match(/../g)!.map((byte) => Number.parseInt(byte, 16)).toReversed().join('.')
    return [{ port: Number.parseInt(local.split(':')[1]!, 16), to: address, toPort: Number.parseInt(remote.split(':')[1]!, 16), state }]
  })
}

/** Whether the process has left our namespace for its own. */
function isApart({ pid }: RunningProcess): boolean {
  return run(['readlink', `/proc/${pid}/ns/net`]) !== run(['readlink', '/proc/self/ns/net']) && run(['cat', `/proc/${pid}/comm`]).trim() === 'sleep'
}

function run([command = '', ...args]: readonly string[], input = ''): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', input })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr}`)
  return stdout
}
