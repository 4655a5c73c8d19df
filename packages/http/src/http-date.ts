const months = 'Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec'
const monthNames = months.split('|')
const clock = '(\\d{2}):(\\d{2}):(\\d{2})'
const fixed = new RegExp(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), (\\d{2}) (${months}) (\\d{4}) ${clock} GMT$`)
const rfc850 = new RegExp(`^(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, (\\d{2})-(${months})-(\\d{2}) ${clock} GMT$`)
const asctime = new RegExp(`^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (${months}) ([ \\d]\\d) ${clock} (\\d{4})$`)

/** Ms since the Unix epoch of an HTTP-date in any of its three forms (RFC 9110 §5.6.7); undefined for what is none. */
export function parseHttpDate(text: string): number | undefined {
  const modern = fixed.exec(text)
  if (modern !== null) return instant(Number(modern[3]), modern[2]!, modern[1]!, modern.slice(4))
  const old = rfc850.exec(text)
  if (old !== null) return instant(fourDigits(Number(old[3])), old[2]!, old[1]!, old.slice(4))
  const ancient = asctime.exec(text)
  return ancient === null ? undefined : instant(Number(ancient[6]), ancient[1]!, ancient[2]!, ancient.slice(3, 6))
}

function instant(year: number, month: string, day: string, [hours, minutes, seconds]: readonly string[]): number | undefined {
  // A leap second is written as 60.
  if (Number(day) < 1 || Number(day) > 31 || Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 60) return undefined
  return Date.UTC(year, monthNames.indexOf(month), Number(day), Number(hours), Number(minutes), Number(seconds))
}

/** A year that would lie more than 50 years ahead is one of the past. */
function fourDigits(year: number): number {
  const now = new Date().getUTCFullYear()
  const near = now - (now % 100) + year
  return near > now + 50 ? near - 100 : near
}
