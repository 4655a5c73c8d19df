// Some thousand records, the same at each start: every field follows from the record's number, so that an answer
// seen in the documentation is the answer that a reader gets.

export interface User {
  readonly id: number
  readonly name: string
  readonly email: string
  readonly country: string
  readonly plan: string
  readonly createdAt: string
}

export interface Product {
  readonly id: number
  readonly name: string
  readonly category: string
  readonly priceCents: number
  readonly stock: number
}

export interface Order {
  readonly id: number
  readonly userId: number
  readonly productId: number
  readonly quantity: number
  readonly totalCents: number
  readonly status: string
  readonly placedAt: string
}

const firstNames = ['Ada', 'Bruno', 'Chen', 'Dana', 'Emre', 'Farah', 'Goran', 'Hana', 'Ines', 'Jonas', 'Kofi', 'Lea', 'Mateo', 'Nour', 'Olga', 'Priya']
const lastNames = ['Okafor', 'Berg', 'Castillo', 'Dubois', 'Eriksen', 'Fischer', 'Garcia', 'Haddad', 'Ivanova', 'Jensen', 'Kim', 'Lopez', 'Moreau']
const countries = ['AR', 'BR', 'DE', 'EG', 'FR', 'IN', 'JP', 'KE', 'NO', 'US']
const plans = ['free', 'free', 'free', 'silver', 'silver', 'gold']
const materials = ['Oak', 'Steel', 'Linen', 'Cork', 'Clay', 'Wool', 'Glass', 'Bamboo', 'Copper', 'Paper', 'Slate']
const things: readonly (readonly [name: string, category: string])[] = [
  ['Lamp', 'home'], ['Chair', 'home'], ['Shelf', 'home'], ['Mug', 'kitchen'], ['Kettle', 'kitchen'], ['Knife', 'kitchen'],
  ['Notebook', 'office'], ['Pen', 'office'], ['Tray', 'office'], ['Spade', 'garden'], ['Planter', 'garden'], ['Tent', 'outdoors'], ['Bottle', 'outdoors'],
]
const statuses = ['placed', 'paid', 'shipped', 'shipped', 'delivered', 'delivered', 'delivered', 'returned']
const firstDay = Date.UTC(2024, 0, 1)
const twoYearsMs = 2 * 365 * 86_400_000

export function makeUsers(count: number): User[] {
  return numbers(count).map((id) => {
    const roll = rolls(id, 1)
    const [first, last] = [pick(firstNames, roll()), pick(lastNames, roll())]
    const email = `${first}.${last}.${id}@example.com`.toLowerCase()
    return { id, name: `${first} ${last}`, email, country: pick(countries, roll()), plan: pick(plans, roll()), createdAt: instant(roll()) }
  })
}

export function makeProducts(count: number): Product[] {
  return numbers(count).map((id) => {
    const roll = rolls(id, 2)
    const [thing, category] = pick(things, roll())
    return { id, name: `${pick(materials, roll())} ${thing}`, category, priceCents: 199 + Math.floor(roll() * 300) * 50, stock: Math.floor(roll() * 400) }
  })
}

export function makeOrders(count: number, users: readonly User[], products: readonly Product[]): Order[] {
  return numbers(count).map((id) => {
    const roll = rolls(id, 3)
    const product = pick(products, roll())
    const quantity = 1 + Math.floor(roll() * 5)
    const userId = pick(users, roll()).id
    return { id, userId, productId: product.id, quantity, totalCents: quantity * product.priceCents, status: pick(statuses, roll()), placedAt: instant(roll()) }
  })
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}

/** Numbers from 0 to 1 that follow from `id` and `salt`: mulberry32, a small generator that spreads well. */
function rolls(id: number, salt: number): () => number {
  let state = Math.imul(id, 0x9e3779b1) ^ Math.imul(salt, 0x85ebca6b)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

function pick<T>(list: readonly T[], roll: number): T {
  return list[Math.floor(roll * list.length)]!
}

function instant(roll: number): string {
  return new Date(firstDay + Math.floor((roll * twoYearsMs) / 1000) * 1000).toISOString()
}
