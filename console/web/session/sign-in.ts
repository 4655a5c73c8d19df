/** The door: asks for a token, and tries it before anything is shown. */
import { AdminClient, type AdminError } from '../api/admin-client.ts'
import type { Status } from '../api/answers.ts'
import { useAction } from '../api/use-live.ts'
import { h, useEffect, useState } from '../markup.ts'
import { Field } from '../parts/dialog.ts'
import { Failure } from '../parts/page.ts'
import { forgetToken, keptToken } from './token-store.ts'

export interface SignedIn {
  readonly token: string
  readonly principal: Status['principal']
}

interface SignInProps {
  /** Why it is asked again. */
  readonly notice: string
  readonly onSignedIn: (who: SignedIn) => void
}

/** A token that this tab has kept is tried without asking. */
export function SignIn({ notice, onSignedIn }: SignInProps) {
  const [kept] = useState(keptToken)
  const [token, setToken] = useState('')
  const { isRunning, failure, run } = useAction()
  const enter = (tried: string) => run(async () => onSignedIn({ token: tried, principal: await whose(tried) }))
  useEffect(() => {
    if (kept !== undefined) void enter(kept)
  }, [])
  const submit = (event: Event) => {
    event.preventDefault()
    void enter(token.trim())
  }
  /** The kept one is good for another try when it was not the token that failed. */
  const retryOf = ({ status }: AdminError) => (kept !== undefined && status !== 401 && status !== 403 ? () => void enter(kept) : undefined)
  return h('main', { id: 'main', class: 'door' },
    h('form', { onSubmit: submit },
      h('h1', null, 'Sluice'),
      notice !== '' && h('p', { role: 'status' }, notice),
      h(Field, { label: 'Admin token', hint: 'It stays in this tab and is forgotten when the tab is closed.' },
        h('input', { type: 'password', name: 'token', autoComplete: 'current-password', required: true, autoFocus: true, spellcheck: false, value: token, onInput: (event) => setToken(event.currentTarget.value) })),
      !isSecureContext && h('p', { class: 'trouble' }, 'This page came unencrypted from another machine: whoever is on the way can read the token. Use HTTPS, or forward the port.'),
      failure !== undefined && h(Failure, { error: failure, retry: retryOf(failure) }),
      h('button', { type: 'submit', class: 'main', disabled: isRunning }, isRunning ? 'Signing in …' : 'Sign in'),
      h('details', null,
        h('summary', null, 'Where is it?'),
        h('p', null, 'With ', h('code', null, 'npm start'), ' or ', h('code', null, 'sluice run'), ': in the file ', h('code', null, '.sluice/admin-token'), ' beside the config file. In distributed mode: what control was given as ', h('code', null, 'SLUICE_ADMIN_TOKEN'), '.'),
        h('p', null, 'For somebody who only looks: ', h('code', null, 'sluice admin-token --name NAME --role viewer'), '.'))))
}

/** Throws an `AdminError` for a token that is none, or is an edge's. */
async function whose(token: string): Promise<Status['principal']> {
  const { principal } = await new AdminClient(token, forgetToken).ask<Status>('GET', '/v1/status')
  return principal
}
