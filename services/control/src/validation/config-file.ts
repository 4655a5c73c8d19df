/** The configuration as files: one of them, or every `*.yaml`, `*.yml` and `*.json` of a folder taken together. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { canonicalJson, digestOf } from '@sluice/proto/config'
import { mergeTexts, type MergedConfig } from './merge-texts.ts'
import type { ConfigFile } from './config-file-read.ts'
import { type ConfigText, readConfigText } from './config-text.ts'
import { overlaid } from './overlay.ts'
import type { FileProblem, Position } from './problem.ts'

const maxFileBytes = 64 * 1024 * 1024
const maxFiles = 1000
const extension = /\.(ya?ml|json)$/

/** Reads a config file, or the config files of a folder, and lays others over it. Never rejects: what is wrong stands in `problems`. */
export async function loadConfigFile(path: string, overlays: readonly string[] = []): Promise<ConfigFile> {
  let file = await loadOne(path)
  for (const overlay of overlays) file = overlaid(file, await loadOne(overlay))
  return file
}

async function loadOne(path: string): Promise<ConfigFile> {
  const found = await stat(path).catch((error: unknown) => error as NodeJS.ErrnoException)
  if (found instanceof Error) return unreadable(path, reasonOf(found))
  return found.isDirectory() ? loadFolder(path) : loadFiles(path, [path], resolve(dirname(path)))
}

async function loadFolder(path: string): Promise<ConfigFile> {
  const entries = await readdir(path).catch((error: unknown) => error as NodeJS.ErrnoException)
  if (entries instanceof Error) return unreadable(path, reasonOf(entries))
  const names = entries.filter((name) => extension.test(name) && !name.startsWith('.')).sort()
  if (names.length === 0) return unreadable(path, 'the folder holds no configuration', 'files that end in .yaml, .yml or .json')
  if (names.length > maxFiles) return unreadable(path, `the folder holds ${names.length} config files`, `at most ${maxFiles}`)
  return loadFiles(path, names.map((name) => join(path, name)), resolve(path))
}

async function loadFiles(path: string, files: readonly string[], baseDirectory: string): Promise<ConfigFile> {
  const problems: FileProblem[] = []
  const texts: ConfigText[] = []
  for (const file of files) {
    const text = await readText(file).catch((error: unknown) => reasonOf(error))
    if (typeof text === 'string') problems.push({ message: text, position: startOf(file) })
    else texts.push(readConfigText(text.content, file))
  }
  problems.push(...texts.flatMap((text) => text.problems))
  if (problems.length > 0) return { ...unreadable(path, ''), problems }
  return taken(path, mergeTexts(texts), baseDirectory)
}

function taken(path: string, merged: MergedConfig, baseDirectory: string): ConfigFile {
  const { value: input, problems, locate } = merged
  return { path, input, digest: digestOf(canonicalJson(input) ?? ''), baseDirectory, problems, locate }
}

async function readText(file: string): Promise<{ content: string }> {
  const { size } = await stat(file)
  if (size > maxFileBytes) throw new Error(`the file has ${Math.ceil(size / 1024 / 1024)} MB; the most is ${maxFileBytes / 1024 / 1024} MB`)
  const bytes = await readFile(file)
  try {
    return { content: new TextDecoder('utf-8', { fatal: true }).decode(bytes) }
  } catch {
    throw new Error('the file is not UTF-8 text')
  }
}

function unreadable(path: string, message: string, expected?: string): ConfigFile {
  const position = startOf(path)
  return {
    path,
    input: undefined,
    digest: '',
    baseDirectory: resolve(dirname(path)),
    problems: [{ message, position, ...(expected === undefined ? {} : { expected }) }],
    locate: () => position,
  }
}

function startOf(file: string): Position {
  return { file, line: 1, column: 1 }
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  const reasons: Readonly<Record<string, string>> = { ENOENT: 'there is no such file', EACCES: 'the file may not be read by this user', EISDIR: 'this is a folder' }
  return reasons[code ?? ''] ?? message
}
