// A command line run inside the test's process, with a world of its own.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startUpstream, type Cleanup, type ScriptedUpstream, type Script } from '@sluice/testkit'
import { runCommandLine } from '../src/program.ts'

export interface CommandRun {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface World {
  readonly directory?: string
  readonly environment?: NodeJS.ProcessEnv
  readonly input?: string
}

export async function runCommand(argv: readonly string[], world: World = {}): Promise<CommandRun> {
  const printed = { stdout: '', stderr: '' }
  const code = await runCommandLine(argv, {
    out: (text) => void (printed.stdout += text),
    err: (text) => void (printed.stderr += text),
    readInput: () => Promise.resolve(world.input ?? ''),
    environment: world.environment ?? {},
    directory: world.directory ?? tmpdir(),
  })
  return { code, ...printed }
}

/** A folder that goes with the test. */
export function scratch(t: Cleanup): string {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-cli-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** An admin API that answers as told, and the environment in which commands find it. */
export async function startAdmin(t: Cleanup, script: Script): Promise<{ admin: ScriptedUpstream; environment: NodeJS.ProcessEnv }> {
  const admin = await startUpstream(t, script)
  return { admin, environment: { SLUICE_ADMIN_URL: admin.url, SLUICE_ADMIN_TOKEN: 'the-token' } }
}
