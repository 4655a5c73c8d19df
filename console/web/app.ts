/** Who is signed in decides what there is: the door, or the console behind it. */
import { AdminClient } from './api/admin-client.ts'
import { SessionContext, type Session } from './console-context.ts'
import { h, useCallback, useMemo, useRef, useState } from './markup.ts'
import { SignIn, type SignedIn } from './session/sign-in.ts'
import { forgetToken, keepToken } from './session/token-store.ts'
import { Shell } from './shell.ts'

const toldMs = 8000

export function App() {
  const [who, setWho] = useState<SignedIn | undefined>(undefined)
  const [notice, setNotice] = useState('')
  const enter = useCallback((signedIn: SignedIn) => {
    keepToken(signedIn.token)
    setNotice('')
    setWho(signedIn)
  }, [])
  const leave = useCallback((why: string) => {
    forgetToken()
    setNotice(why)
    setWho(undefined)
  }, [])
  return who === undefined ? h(SignIn, { notice, onSignedIn: enter }) : h(Inside, { who, onLeave: leave })
}

function Inside({ who, onLeave }: { readonly who: SignedIn; readonly onLeave: (why: string) => void }) {
  const [told, setTold] = useState('')
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)
  const tell = useCallback((text: string) => {
    clearTimeout(timer.current)
    setTold(text)
    timer.current = setTimeout(() => setTold(''), toldMs)
  }, [])
  const session = useMemo((): Session => {
    const client = new AdminClient(who.token, () => onLeave('This token is not good any more. Sign in again.'))
    return { client, ...who.principal, tell }
  }, [who, onLeave, tell])
  return h(SessionContext.Provider, { value: session },
    h(Shell, { onSignOut: () => onLeave('You have signed out.') }),
    h('div', { class: 'told', role: 'status' }, told))
}
