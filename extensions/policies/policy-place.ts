/** Where a policy stands. */
export interface PolicyPlace {
  /** `global`, `upstream:users`, `route:get-user`, `group:gold` */
  readonly level: string
  readonly type: string
  /** The `name` setting, or the type. */
  readonly name: string
}
