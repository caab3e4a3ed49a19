/** Members of a panel side by side; loaded with their view. */
export const members = {
  'members.title': 'Members and their answers',
  'members.synthesis': 'Synthesis',
  'members.fallback': 'Nobody summed the answers up: these are their beginnings.',
  'members.agreement': 'Agreement',
  'members.high': 'The answers agree.',
  'members.split': 'The answers contradict each other.',
  'members.unknown': 'Whether the answers agree cannot be told.',
  'members.group': 'Together: {names}',
  'members.alone': 'Alone: {names}',
  'members.undecided': 'Cannot be placed: {names}',
  'members.measure': 'Found by comparing words, numbers and negations of what they claim; not by how many answered.',
  'members.dissent': 'Dissent: {name}',
} as const
