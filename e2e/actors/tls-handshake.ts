import { connect } from 'node:tls'
import type { MadeCertificate } from '@sluice/testkit'

/** The serial number of the certificate that a new connection to a port of this machine is shown, when it asks for `name`. */
export function serialShown(port: number, name?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...(name !== undefined && { servername: name }) }, () => {
      resolve(socket.getPeerCertificate().serialNumber)
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

export const serialOf = ({ serial }: MadeCertificate): string => serial.toString('hex').toUpperCase()
