/** The least a proxy in Node can be: `node:http` in, `node:http` with a keep-alive agent out. Arguments: port, upstream port. */
import { Agent, createServer, request as httpRequest } from 'node:http'

const [port, upstreamPort] = process.argv.slice(2).map(Number)
const agent = new Agent({ keepAlive: true, maxSockets: 256 })

createServer((request, response) => {
  const onward = httpRequest(
    { host: '127.0.0.1', port: upstreamPort, path: request.url, method: request.method, headers: request.headers, agent },
    (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    },
  )
  onward.on('error', () => response.destroy())
  request.pipe(onward)
}).listen(port, '127.0.0.1')
