import { useEffect } from 'preact/hooks'
import { at } from '../base'
import { say } from '../words'

/** An address that shows nothing. */
export function Unknown() {
  useEffect(() => {
    document.title = say('app.title', { page: say('page.unknown') })
  }, [])
  return (
    <article class="prose">
      <h1>{say('page.unknown')}</h1>
      <p>{say('page.unknown_text')}</p>
      <p>
        <a href={at('/')}>{say('page.to_form')}</a>
      </p>
    </article>
  )
}
