import type { RunView } from '../run'
import { say } from '../words'
import { BillTable } from './BillTable'
import { Value } from './Value'

/** A long bill stands among the positions of the report. */
const FEW = 60

/** The run's input, folded away. */
export function WhatWasAsked({ run }: { run: RunView }) {
  const { positions, specifications } = run.input
  return (
    <details class="asked" data-testid="asked">
      <summary>{say('run.asked')}</summary>
      <p class="question">{run.question}</p>
      {positions && positions.length > 0 && (
        <>
          <h3>{say('form.positions')}</h3>
          <BillTable positions={positions.slice(0, FEW)} />
          {positions.length > FEW && <p class="muted">{say('report.more_positions', { n: positions.length - FEW })}</p>}
        </>
      )}
      {specifications && Object.keys(specifications).length > 0 && (
        <>
          <h3>{say('form.specifications')}</h3>
          <Value value={specifications} />
        </>
      )}
    </details>
  )
}
