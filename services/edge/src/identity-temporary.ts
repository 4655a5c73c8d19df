export interface EdgeIdentity { part: any; warm(x: unknown): Promise<void>; start(): Promise<void>; stop(): void; onCredentialVersion(f: (v: number) => void): void; credentialVersion(): number }
export function createIdentity(_: unknown): EdgeIdentity {
  return { part: { tokens: () => ({ check: () => ({ outcome: 'invalid', reason: 'x' }) }), keys: () => ({ check: () => ({ outcome: 'invalid', reason: 'x' }) }) }, warm: async () => {}, start: async () => {}, stop: () => {}, onCredentialVersion: () => {}, credentialVersion: () => 0 }
}
