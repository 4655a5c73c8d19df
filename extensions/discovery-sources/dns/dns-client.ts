/**
 * Asks DNS servers directly, since Node's resolver does not tell how long SRV records hold: UDP first, TCP when the answer
 * does not fit (RFC 1035 §4.2, RFC 7766). An answer counts when it comes from the address that was asked, to the port that was
 * opened for this one question, with its random id and its question.
 */
import { randomInt } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { getServers } from 'node:dns'
import { connect, isIP } from 'node:net'
import { decodeAnswer, encodeQuestion, typeNumbers, type DnsAnswer, type RecordType } from './dns-message.ts'

export interface DnsServer {
  readonly host: string
  readonly port: number
}

interface Question {
  readonly id: number
  readonly name: string
  readonly type: RecordType
  readonly bytes: Buffer
}

const defaultPort = 53
/** How long one server has, and how often each is asked. */
const timeoutMs = 2000
const rounds = 2
const noError = 0
const noSuchName = 3

/** The servers that settings name as `host` or `host:port`; those of the machine when they name none. */
export function serversOf(settings: readonly string[] | undefined): DnsServer[] {
  return (settings ?? getServers()).map((text) => {
    if (isIP(text) !== 0) return { host: text, port: defaultPort }
    const { hostname, port } = new URL(`dns://${text}`)
    return { host: hostname.replace(/^\[|\]$/g, ''), port: port === '' ? defaultPort : Number(port) }
  })
}

/** The first answer that one of the servers has, `no such name` included. Rejects with the last failure when none has one. */
export async function askDns(servers: readonly DnsServer[], name: string, type: RecordType, signal: AbortSignal): Promise<DnsAnswer> {
  let failure: unknown = new Error('no DNS server is known')
  for (let round = 0; round < rounds; round++) {
    for (const server of servers) {
      signal.throwIfAborted()
      try {
        return await askServer(server, name, type, signal)
      } catch (error) {
        failure = error
      }
    }
  }
  throw failure
}

async function askServer(server: DnsServer, name: string, type: RecordType, signal: AbortSignal): Promise<DnsAnswer> {
  const id = randomInt(0x10000)
  const question = { id, name: name.replace(/\.$/, '').toLowerCase(), type, bytes: encodeQuestion(id, name, type) }
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  const short = await overUdp(server, question, limit)
  const answer = short.isTruncated ? await overTcp(server, question, limit) : short
  if (answer.code !== noError && answer.code !== noSuchName) throw new Error(`the DNS server ${server.host}:${server.port} answered with code ${answer.code}`)
  return answer
}

function overUdp({ host, port }: DnsServer, question: Question, signal: AbortSignal): Promise<DnsAnswer> {
  const socket = createSocket(isIP(host) === 6 ? 'udp6' : 'udp4')
  return new Promise<DnsAnswer>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(silence(host, port)), { once: true })
    socket.on('error', reject)
    socket.on('message', (bytes) => {
      const answer = answerTo(question, bytes)
      if (answer !== undefined) resolve(answer)
    })
    // Connected, the socket takes datagrams of this server only, and hears when its port is closed.
    socket.connect(port, host, () => socket.send(question.bytes))
  }).finally(() => socket.close())
}

function overTcp({ host, port }: DnsServer, question: Question, signal: AbortSignal): Promise<DnsAnswer> {
  const socket = connect({ host, port })
  return new Promise<DnsAnswer>((resolve, reject) => {
    signal.addEventListener('abort', () => reject(silence(host, port)), { once: true })
    let received = Buffer.alloc(0)
    const length = Buffer.alloc(2)
    length.writeUInt16BE(question.bytes.length)
    socket.on('error', reject).on('close', () => reject(new Error(`the DNS server ${host}:${port} closed the connection`)))
    socket.on('connect', () => socket.write(Buffer.concat([length, question.bytes])))
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return
      const answer = answerTo(question, received.subarray(2, 2 + received.readUInt16BE(0)))
      if (answer === undefined) reject(new Error(`the DNS server ${host}:${port} sent what is no answer`))
      else resolve(answer)
    })
  }).finally(() => socket.destroy())
}

function silence(host: string, port: number): Error {
  return new Error(`the DNS server ${host}:${port} did not answer within ${timeoutMs} ms`)
}

/** Undefined for what is no answer to this question: another one's, a forged one, or nonsense. */
function answerTo({ id, name, type }: Question, bytes: Buffer): DnsAnswer | undefined {
  try {
    const answer = decodeAnswer(bytes)
    return answer.id === id && answer.question.name === name && answer.question.type === typeNumbers[type] ? answer : undefined
  } catch {
    return undefined
  }
}
