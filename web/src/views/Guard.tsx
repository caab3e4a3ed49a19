import { Component } from 'preact'
import type { ComponentChildren } from 'preact'
import type { Json } from '../wire/json'
import { AsItCame } from './AsItCame'

interface Props {
  readonly value: Json | undefined
  readonly children: ComponentChildren
}

/** What cannot be laid out is shown as it came, and takes nothing else of the page with it. */
export class Guard extends Component<Props, { readonly broken: boolean }> {
  override state = { broken: false }

  static override getDerivedStateFromError(): { broken: boolean } {
    return { broken: true }
  }

  override render() {
    return this.state.broken ? <AsItCame value={this.props.value} /> : this.props.children
  }
}
