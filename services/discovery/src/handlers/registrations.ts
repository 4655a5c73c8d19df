import type { Bus } from '@sluice/buses/bus'
import { announce } from '@sluice/buses/rpc'
import { RegistrationChangeSchema, type DeregisterRequest, type RegisterRequest, type RegistrationChange } from '@sluice/proto/messages/discovery'
import { SluiceError } from '@sluice/errors'
import { subjects } from '@sluice/proto/subjects'
import { readRegistration } from '../endpoints/registration-input.ts'
import { heartbeatSeconds, type Registry } from '../endpoints/registry.ts'

/** Answers registrations and heartbeats, and keeps other instances of discovery informed. */
export class RegistrationHandlers {
  readonly #bus: Bus
  readonly #scope: string
  readonly #registry: Registry

  constructor(bus: Bus, scope: string, registry: Registry) {
    this.#bus = bus
    this.#scope = scope
    this.#registry = registry
  }

  /** Throws `client.bad_request` for what cannot be taken. */
  register(registered: RegisterRequest): { created: boolean; heartbeatSeconds: number } {
    this.#checkScope(registered.scope)
    const created = this.#registry.register(readRegistration(registered))
    announce(this.#bus, subjects.registrationChanged(this.#scope), RegistrationChangeSchema, { scope: this.#scope, registered })
    return { created, heartbeatSeconds }
  }

  deregister(deregistered: DeregisterRequest): { existed: boolean } {
    this.#checkScope(deregistered.scope)
    const existed = this.#registry.deregister(deregistered.service, deregistered.id)
    announce(this.#bus, subjects.registrationChanged(this.#scope), RegistrationChangeSchema, { scope: this.#scope, deregistered })
    return { existed }
  }

  /** What another instance of discovery has taken. Its own word comes back, too, soon enough to make no difference. */
  hear({ registered, deregistered }: RegistrationChange): void {
    if (registered !== undefined) this.#registry.register(readRegistration(registered))
    if (deregistered !== undefined) this.#registry.deregister(deregistered.service, deregistered.id)
  }

  #checkScope(scope: string): void {
    if (scope !== this.#scope) throw new SluiceError('client.bad_request', { detail: `The registration is of another scope than ${this.#scope}` })
  }
}
