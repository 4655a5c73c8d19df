import { App } from './app.ts'
import { h, render } from './markup.ts'

render(h(App, null), document.getElementById('console')!)
