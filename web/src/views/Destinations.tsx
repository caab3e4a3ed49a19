import { useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { getHealth } from '../api'
import type { Health } from '../wire/problem'
import { say } from '../words'

const AGAIN_MS = 5000

/** Says before the first click where the words would go. */
export function Destinations({ rows }: { rows: number }) {
  const health = useSignal<Health | 'asking' | 'unreachable'>('asking')
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    let over = false
    const ask = async () => {
      const answer = await getHealth()
      if (over) return
      health.value = answer.ok ? answer.value : 'unreachable'
      if (!answer.ok) timer = setTimeout(ask, AGAIN_MS)
    }
    void ask()
    return () => {
      over = true
      clearTimeout(timer)
    }
  }, [])
  return (
    <span class={health.value === 'unreachable' ? 'destinations fault' : 'destinations'} data-testid="destinations">
      {sentence(health.value, rows)}
    </span>
  )
}

function sentence(health: Health | 'asking' | 'unreachable', rows: number): string {
  if (health === 'asking') return say('form.asking_health')
  if (health === 'unreachable') return say('form.unreachable')
  if (health.model === 'rules' || health.destinations.length === 0) return say('form.sends_nothing')
  const where = health.destinations.map(({ provider, host, local }) => (local ? say('form.local', { provider }) : say('form.remote', { provider, host })))
  const what = rows > 0 ? say('form.what_rows', { n: rows }) : say('form.what_question')
  return say('form.sends', { what, where: where.join(', ') })
}
