import { useMemo } from 'preact/hooks'
import { markdown } from '../markdown'
import type { Block, Inline, List } from '../markdown'
import { say } from '../words'
import { useAnswerLanguage } from './language'

/** A model's text with its small Markdown; elements of ours and text nodes, nothing of its own. */
export function Markdown({ text }: { text: string }) {
  const lang = useAnswerLanguage()
  const blocks = useMemo(() => markdown(text), [text])
  return (
    <div class="marked" lang={lang}>
      {blocks.map((block, index) => (
        <Part key={index} block={block} />
      ))}
    </div>
  )
}

function Part({ block }: { block: Block }) {
  switch (block.kind) {
    case 'heading':
      // Below the headings of the report, whatever level the text gives it.
      return block.level <= 2 ? <h4>{line(block.parts)}</h4> : <h5>{line(block.parts)}</h5>
    case 'paragraph':
      return <p>{line(block.parts)}</p>
    case 'code':
      return <pre>{block.text}</pre>
    case 'list':
      return <Points list={block} />
    case 'table':
      return (
        <div class="scroll">
          <table class="sheet">
            <thead>
              <tr>
                {block.head.map((cell, index) => (
                  <th key={index} scope="col">
                    {line(cell)}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {block.rows.map((row, index) => (
                <tr key={index}>
                  {row.map((cell, at) => (
                    <td key={at}>
                      <span>{line(cell)}</span>
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )
  }
}

function Points({ list }: { list: List }) {
  const items = list.items.map((item, index) => (
    <li key={index}>
      {line(item.parts)}
      {item.below && <Points list={item.below} />}
    </li>
  ))
  return list.ordered ? <ol>{items}</ol> : <ul>{items}</ul>
}

function line(parts: readonly Inline[]) {
  return parts.map((part, index) => <Word key={index} part={part} />)
}

function Word({ part }: { part: Inline }) {
  switch (part.kind) {
    case 'text':
      return <>{part.text}</>
    case 'code':
      return <code>{part.text}</code>
    case 'strong':
      return <strong>{line(part.parts)}</strong>
    case 'em':
      return <em>{line(part.parts)}</em>
    case 'link':
      return (
        <>
          {part.text}{' '}
          <a href={part.href} target="_blank" rel="noopener noreferrer nofollow">
            {say('answer.open', { host: part.host })}
          </a>
        </>
      )
  }
}
