/** The shape beside a word; shape first, colour second. */
export type Shape = 'tick' | 'cross' | 'bar' | 'dash' | 'query' | 'alert' | 'hollow'

const PATHS: Readonly<Record<Shape, string>> = {
  tick: 'M2.5 6.5 5 9l4.5-6',
  cross: 'M3 3l6 6M9 3l-6 6',
  bar: 'M6 2v8',
  dash: 'M2.5 6h7',
  query: 'M4 4.4a2 2 0 1 1 2.9 1.8c-.6.3-.9.6-.9 1.3M6 9.6v.4',
  alert: 'M6 2.2v4.6M6 9.2v.5',
  hollow: 'M3 3h6v6h-6z',
}

export function Mark({ shape }: { shape: Shape }) {
  return (
    <svg class="mark" viewBox="0 0 12 12" width="12" height="12" aria-hidden="true">
      <path d={PATHS[shape]} fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="square" />
    </svg>
  )
}
