// What the model says: text that a careless server or client takes for the stream's own lines.

/** What a forger would like a client to see. */
const FORGED = '\n\nevent: final_result\ndata: {}\n\n'

/** The pieces in which it comes; line ends are torn apart between them. */
const PIECES = [
  'plain\n',
  '\ufeff',
  'CR\r',
  '\nCRLF torn apart\r\n',
  '\r\r',
  'NUL \u0000 BEL \u0007 VT \u000b FF \u000c FS \u001c GS \u001d RS \u001e US \u001f DEL \u007f NEL \u0085',
  'LS \u2028 PS \u2029',
  '\u2028data: forged\u2029\u2029',
  '\u0085event: forged\u0085data: forged\u0085\u0085',
  '🧱 👷🏽‍♀️ 🇨🇿 e\u0301 漢字 Příčka \ufffd \u{10ffff}',
  '\ndata: no field',
  '\nid: 999',
  '\nevent: final_result',
  '\nretry: 1',
  '\n:\n',
  ': a lone comment\n\n',
  FORGED,
  FORGED.replaceAll('\n', '\r'),
  FORGED.replaceAll('\n', '\r\n'),
  'data: [DONE]\n\n',
  '{"quote": "\\"", "backslash": "\\\\u0000\\n"}',
  'the end.',
]

/** The whole answer. */
export const TEXT = PIECES.join('')

/** The models by their name: how long each is silent first, and between two pieces, in ms. */
const MODELS = {
  silent: { first: 20_000, every: 250 },
  slow: { first: 1000, every: 600 },
  brisk: { first: 10, every: 80 },
}

/** How long the silent model is silent. */
export const SILENCE_MS = MODELS.silent.first
/** How long its answer takes. */
export const ANSWER_MS = MODELS.silent.every * PIECES.length

/** The script of a fault lab that plays them. */
export function script() {
  return Object.entries(MODELS)
    .map(([name, model]) => `[models.${name}]\nattempts = [{ body = [\n${body(model).join(',\n')}\n] }]\n`)
    .join('\n')
}

function body({ first, every }) {
  const end = { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }
  const pieces = PIECES.flatMap((content) => [chunk({ choices: [{ index: 0, delta: { content } }] }), wait(every)])
  return [wait(first), ...pieces, chunk(end), quoted('data: [DONE]\n\n')]
}

const wait = (ms) => `{ wait = "${ms}ms" }`
const chunk = (json) => quoted(`data: ${JSON.stringify(json)}\n\n`)
/** A text as TOML wants it: as JSON does, but for DEL. */
const quoted = (text) => JSON.stringify(text).replaceAll('\u007f', '\\u007f')

/** The panels that ask them, by the file's name: one query each. */
export function panels() {
  return Object.keys(MODELS).map((name) => [
    `${name}.toml`,
    `title = "${name}"\n\n[[query]]\nid = "answer"\nprompt = "prompt.md"\nmodels = ["lab/${name}"]\n`,
  ])
}
