/** What a client has said in SETTINGS (RFC 9113 §6.5.2), as far as it concerns a server. */
import { errorCodes, maxFrameBytes, most, type ErrorNumber } from './frames.ts'

export const settingIds = { tableBytes: 1, push: 2, concurrentStreams: 3, windowBytes: 4, frameBytes: 5, listBytes: 6, connectProtocol: 8 } as const
/** What every window is before anybody has said anything else (§6.9.2). */
export const firstWindow = 65_535

export class ClientSettings {
  /** What a stream may send at first. */
  streamWindow = firstWindow
  /** Of the client's table for fields, which nothing is ever put into. */
  private tableBytes = 4096
  private tableUpdate = ''

  /** Takes the settings of one frame, six bytes each; answers what is wrong with them. */
  take(bytes: Buffer, from: number, to: number): ErrorNumber | undefined {
    for (let at = from; at < to; at += 6) {
      const problem = this.takeOne(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2))
      if (problem !== undefined) return problem
    }
    return undefined
  }

  /** To be put in front of the next field block: a client that makes its table smaller has to be told that this is known (RFC 7541 §4.2). */
  takeTableUpdate(): string {
    const { tableUpdate } = this
    if (tableUpdate !== '') this.tableUpdate = ''
    return tableUpdate
  }

  private takeOne(id: number, value: number): ErrorNumber | undefined {
    switch (id) {
      case settingIds.tableBytes:
        if (value >= this.tableBytes) return undefined
        this.tableBytes = 0
        this.tableUpdate = '\x20'
        return undefined
      case settingIds.push:
        return value > 1 ? errorCodes.protocol : undefined
      case settingIds.windowBytes:
        if (value > most) return errorCodes.flowControl
        this.streamWindow = value
        return undefined
      case settingIds.frameBytes:
        return value < maxFrameBytes || value > 0xff_ffff ? errorCodes.protocol : undefined
      default:
        return undefined
    }
  }
}
