import { useEffect } from 'preact/hooks'
import type { Followed } from '../follow'
import { timeOfDay } from '../format'
import { announce, assertive, notice } from '../notice'
import type { Link } from '../stream'
import { say } from '../words'

const SECOND_MS = 1000

/** Keeps the notice band in step with the connection, and says there what a pause means; shows nothing itself. */
export function Connection({ followed }: { followed: Followed }) {
  const link = followed.link.value
  const caughtUp = followed.caughtUp.value
  const problem = followed.problem.value
  const paused = followed.view.value?.status === 'paused'
  const action = { label: say('conn.try'), run: followed.tryNow }

  useEffect(() => {
    if (link.state === 'ended' && problem) {
      notice.value = { tone: 'warn', text: say('conn.gone', { why: problem.detail }) }
      return
    }
    if (link.state !== 'reconnecting' && link.state !== 'offline') {
      const text = caughtUp > 0 ? say('conn.caught_up', { n: caughtUp }) : paused ? say('run.paused_text') : ''
      notice.value = text === '' ? undefined : { tone: 'plain', text }
      return
    }
    const tell = () => {
      notice.value = { tone: 'warn', text: sentence(link), action }
    }
    tell()
    const timer = setInterval(tell, SECOND_MS)
    return () => clearInterval(timer)
  }, [link, caughtUp, problem, paused])

  useEffect(() => {
    if (link.state === 'reconnecting') announce(say('live.reconnecting'))
    if (link.state === 'offline') assertive.value = say('live.reconnecting')
    if (caughtUp > 0) announce(say('live.back'))
  }, [link.state, caughtUp > 0])

  useEffect(
    () => () => {
      notice.value = undefined
    },
    [],
  )
  return null
}

function sentence(link: Extract<Link, { nextAt: number }>): string {
  const next = Math.max(0, Math.ceil((link.nextAt - Date.now()) / SECOND_MS))
  if (link.state === 'offline') return say('conn.offline_text', { time: timeOfDay(link.since), next })
  return say('conn.reconnecting_text', { ago: Math.round((Date.now() - link.since) / SECOND_MS), next })
}
