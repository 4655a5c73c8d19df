import { callAdmin } from '../admin-client.ts'
import { addLocationOptions, locateAdmin, type LocationOptions } from '../admin-location.ts'
import { answer, type AddCommand } from '../command.ts'

export const addStatus: AddCommand = (program, context) => {
  addLocationOptions(program.command('status').description('what runs where: revision, edges, problems')).action(async (options: LocationOptions & { json?: true }) => {
    const location = await locateAdmin(context, options)
    const { body } = await callAdmin<object>(location, '/v1/status')
    answer(context, options.json, body, (status) => JSON.stringify(status))
  })
}
