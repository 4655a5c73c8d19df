import type { AddCommand } from '../command.ts'
export const addDiff: AddCommand = () => {}
