import { route } from '../route'
import { atHand } from '../snapshots'
import { later } from './later'
import { Unknown } from './Unknown'

// A first view loads its own page and no other.
const NewAudit = later(() => import('./NewAudit').then((part) => part.NewAudit))
const RunPage = later(() => import('./RunPage').then((part) => part.RunPage))
const History = later(() => import('./History').then((part) => part.History))
const Compare = later(() => import('./Compare').then((part) => part.Compare))
const Providers = later(() => import('./Providers').then((part) => part.Providers))
const Help = later(() => import('./Help').then((part) => part.Help))

/** The page of the current route. */
export function App() {
  const here = route.value
  switch (here.page) {
    case 'form':
      return <NewAudit />
    case 'runs':
      return <History />
    case 'compare':
      return <Compare />
    case 'run':
      return <RunPage key={here.id} id={here.id} first={atHand(here.id)} />
    case 'providers':
      return <Providers />
    case 'help':
      return <Help />
    case 'unknown':
      return <Unknown />
  }
}
