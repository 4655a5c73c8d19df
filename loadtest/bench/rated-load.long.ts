/** PF1 and PF2 by the numbers that the product promises; how far below them it stays is measured by `npm run bench -- --at half`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gatewayCore, inPlace, loadCore } from './bench-place.ts'
import { measureAtHalf } from './half-load.ts'

test('one core serves 5,000 requests a second and more, and at half of what it can a gateway time below 50 ms and a total below 200 ms at p99', { timeout: 300_000 }, async (t) => {
  await inPlace(gatewayCore, async (place) => {
    for (const { name, saturation, gateway, total, direct } of await measureAtHalf(place, { seconds: 4, connections: 64, core: loadCore })) {
      t.diagnostic(`${name}: ${Math.round(saturation)} req/s, gateway p99 ${gateway.p99} ms, total p99 ${total.p99Ms} ms`)
      assert.equal(total.errors + direct.errors, 0)
      assert.ok(saturation >= 5000, `${name}: ${saturation} req/s`)
      assert.ok(gateway.p99 < 50 && total.p99Ms < 200, `${name}: ${gateway.p99} ms, ${total.p99Ms} ms in all`)
    }
  })
})
