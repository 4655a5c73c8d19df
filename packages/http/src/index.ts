export { HeaderFields } from './header-fields.ts'
