/** Control: the admin API, the check of configurations, the line of revisions and their way to the edges. */
import type { Control, ControlParts } from './control-parts.ts'
import { ControlService } from './control-service.ts'

export { ConfigFileError } from './config-source/config-source.ts'
export { loadConfigFile } from './validation/config-file.ts'
export type { Control, ControlParts } from './control-parts.ts'

/** Nothing runs before `start`. */
export function createControl(parts: ControlParts): Control {
  return new ControlService(parts)
}
