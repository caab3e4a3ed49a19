/** One piece of work at a time: what comes meanwhile waits, and only the last of it is done. */
export function oneAtATime(): (work: () => Promise<void>) => void {
  let busy = false
  let next: (() => Promise<void>) | undefined
  const begin = async (work: () => Promise<void>): Promise<void> => {
    busy = true
    try {
      await work()
    } finally {
      busy = false
      const then = next
      next = undefined
      if (then) void begin(then)
    }
  }
  return (work) => {
    if (busy) next = work
    else void begin(work)
  }
}
