import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { settingNotBuilt } from './not-built.ts'
import { settingsTable } from './settings-table.ts'

test('a table shows name, type, default and meaning of every setting', () => {
  const settings = z.strictObject({
    text: z.string().describe('A text | with a bar.'),
    count: z.int().min(1).max(9).default(3),
    open: z.int().min(0).default(0),
    choice: z.enum(['a', 'b']).default('a'),
    flag: z.boolean().optional(),
    either: z.union([z.string(), z.array(z.string())]).optional(),
    empty: z.string().default(''),
    inner: z.strictObject({ map: z.record(z.string(), z.string()).default({}) }).optional(),
    list: z.array(z.strictObject({ id: z.string() })).default([]),
    later: settingNotBuilt('later'),
  })
  assert.deepEqual(settingsTable(settings).split('\n').slice(2), [
    '| `text` | text | required | A text \\| with a bar. |',
    '| `count` | whole number, 1 to 9 | `3` |  |',
    '| `open` | whole number from 0 | `0` |  |',
    '| `choice` | `a`, `b` | `a` |  |',
    '| `flag` | `true`, `false` |  |  |',
    '| `either` | text or list of text |  |  |',
    '| `empty` | text | `""` |  |',
    '| `inner` | settings |  |  |',
    '| `inner.map` | map | `{}` |  |',
    '| `list` | list of settings | `[]` |  |',
    '| `list[].id` | text | required |  |',
    '| `later` | any |  | Not built yet. |',
  ])
})
