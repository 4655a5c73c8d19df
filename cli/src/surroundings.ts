/** What a command sees of the world, so that tests can give it another. */
export interface Surroundings {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  /** All of stdin, up to its end. */
  readonly readInput: () => Promise<string>
  readonly environment: Readonly<NodeJS.ProcessEnv>
  /** Where relative paths of the command line start. */
  readonly directory: string
}

export function processSurroundings(): Surroundings {
  return {
    out: (line) => void process.stdout.write(line),
    err: (line) => void process.stderr.write(line),
    readInput: readStdin,
    environment: process.env,
    directory: process.cwd(),
  }
}

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}
