// The part of the Compose Specification (schema/compose-spec.json of compose-spec) that docker-compose.yml uses. A key
// that is not here is refused: whoever needs it adds it as the specification has it.
const strings = { type: 'array', items: { type: 'string' } }
const duration = { type: 'string', pattern: '^([0-9]+(us|ms|s|m|h))+$' }
const names = '^[a-zA-Z0-9._-]+$'
/** `[ADDRESS:]PORT:PORT` */
const port = { type: 'string', pattern: '^(\\d+\\.\\d+\\.\\d+\\.\\d+:)?\\d{1,5}:\\d{1,5}$' }
/** `NAME:/PATH` or `./PATH:/PATH`, perhaps read-only. */
const volume = { type: 'string', pattern: '^(\\./[^:]+|[a-z][a-z0-9_-]*):/[^:]+(:ro)?$' }

const healthcheck = {
  type: 'object',
  properties: { test: strings, interval: duration, timeout: duration, retries: { type: 'integer', minimum: 1 }, start_period: duration },
  required: ['test'],
  additionalProperties: false,
}

const dependency = {
  type: 'object',
  properties: { condition: { enum: ['service_started', 'service_healthy', 'service_completed_successfully'] } },
  required: ['condition'],
  additionalProperties: false,
}

const service = {
  type: 'object',
  properties: {
    image: { type: 'string', pattern: '^[a-z0-9./-]+:[A-Za-z0-9._-]+$' },
    build: {
      type: 'object',
      properties: { context: { type: 'string' }, dockerfile: { type: 'string' } },
      required: ['context'],
      additionalProperties: false,
    },
    command: strings,
    environment: { type: 'object', patternProperties: { '^[A-Z][A-Z0-9_]*$': { type: 'string' } }, additionalProperties: false },
    ports: { type: 'array', items: port, uniqueItems: true },
    volumes: { type: 'array', items: volume, uniqueItems: true },
    tmpfs: strings,
    cap_drop: { ...strings, uniqueItems: true },
    security_opt: { ...strings, uniqueItems: true },
    init: { type: 'boolean' },
    read_only: { type: 'boolean' },
    restart: { enum: ['no', 'always', 'on-failure', 'unless-stopped'] },
    stop_grace_period: duration,
    depends_on: { oneOf: [strings, { type: 'object', patternProperties: { [names]: dependency }, additionalProperties: false }] },
    healthcheck,
  },
  required: ['image'],
  additionalProperties: false,
}

export const composeSchema = {
  type: 'object',
  properties: {
    name: { type: 'string', pattern: '^[a-z0-9][a-z0-9_-]*$' },
    services: { type: 'object', patternProperties: { [names]: service }, additionalProperties: false },
    volumes: { type: 'object', patternProperties: { [names]: { type: 'null' } }, additionalProperties: false },
  },
  patternProperties: { '^x-': {} },
  required: ['services'],
  additionalProperties: false,
}
