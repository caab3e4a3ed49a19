import { route } from '../route'
import { atHand } from '../snapshots'
import { Help } from './Help'
import { NewAudit } from './NewAudit'
import { RunPage } from './RunPage'
import { Unknown } from './Unknown'

/** The page of the current route. */
export function App() {
  const here = route.value
  switch (here.page) {
    case 'form':
      return <NewAudit />
    case 'run':
      return <RunPage key={here.id} id={here.id} first={atHand(here.id)} />
    case 'help':
      return <Help />
    case 'unknown':
      return <Unknown />
  }
}
