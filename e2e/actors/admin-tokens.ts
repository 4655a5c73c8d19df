// Tokens of the admin API with a role, made as an operator makes them.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { System } from '../modes/system.ts'

/** A token of that role; one that the name had before is none any more. */
export async function adminTokenFor(system: System, name: string, role: string, more: readonly string[] = []): Promise<string> {
  const file = join(system.directory, system.mode === 'embedded' ? 'data' : 'control', 'admin-tokens.json')
  const { code, stdout, stderr } = await system.cli(['admin-token', '--name', name, '--role', role, '--file', file, ...more])
  assert.equal(code, 0, stderr)
  system.secrets.add(stdout.trim())
  return stdout.trim()
}
