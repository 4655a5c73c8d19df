import { Option } from 'commander'
import { parseDuration } from '../arguments.ts'
import { answer, pathOf, type AddCommand } from '../command.ts'

interface TokenOptions {
  readonly key: string
  readonly sub: string
  readonly ttl: number
  readonly issuer?: string
  readonly audience?: readonly string[]
  readonly scope?: string
  readonly claim?: readonly string[]
  readonly json?: true
}

/** `sluice token`: a signed token for trying out a gateway that trusts the key. */
export const addToken: AddCommand = (program, context) => {
  program
    .command('token')
    .description('mint a signed token (JWT) with a private key')
    .requiredOption('--key <file>', 'private key, PEM: RSA, EC or Ed25519')
    .requiredOption('--sub <name>', 'subject: the consumer it stands for')
    .option('--ttl <duration>', 'how long it is good: 90s, 15m, 1h, 30d', parseDuration, 3600)
    .option('--issuer <url>', 'claim "iss"')
    .addOption(new Option('--audience <name...>', 'claim "aud"'))
    .option('--scope <scopes>', 'claim "scope", several with blanks between')
    .option('--claim <name=value...>', 'further claims; a value that is JSON is taken as such')
    .option('--json', 'answer in JSON')
    .action(async (options: TokenOptions) => {
      const { mintToken } = await import('../mint-token.ts')
      const minted = await mintToken({
        keyFile: pathOf(context, options.key),
        subject: options.sub,
        ttlSeconds: options.ttl,
        issuer: options.issuer,
        audiences: options.audience ?? [],
        scope: options.scope,
        claims: options.claim ?? [],
      })
      answer(context, options.json, minted, ({ token }) => token)
    })
}
