import { createContext } from 'preact'
import { useContext } from 'preact/hooks'

/** The language in which the models were asked to answer, where that was said. */
export const AnswerLanguage = createContext<string | undefined>(undefined)

/** What an element with a model's words has for `lang`, so that they are read out as what they are. */
export function useAnswerLanguage(): string | undefined {
  return useContext(AnswerLanguage)
}
