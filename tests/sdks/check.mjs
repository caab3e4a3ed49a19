// The fault lab as seen by the libraries openai and @anthropic-ai/sdk; called by scripts/lab-sdks.

import assert from 'node:assert/strict'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'

const url = process.argv[2]
const content = 'Is the slab safe? Příčka 漢字 😀'
const echo = `user: ${content}`
const messages = [{ role: 'user', content }]
const ai = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'sk-lab', maxRetries: 0, timeout: 20_000 })
const claude = new Anthropic({ baseURL: url, apiKey: 'sk-lab', maxRetries: 0, timeout: 20_000 })

const collect = async (stream) => {
  const all = []
  for await (const piece of await stream) all.push(piece)
  return all
}
const stream = (model) =>
  collect(ai.chat.completions.create({ model, messages, stream: true, stream_options: { include_usage: true } }))
const text = (chunks) => chunks.map((chunk) => chunk.choices[0]?.delta?.content ?? '').join('')

const checks = {
  async 'openai whole'() {
    const answer = await ai.chat.completions.create({ model: 'echo', messages })
    assert.equal(answer.choices[0].message.content, echo)
    assert.equal(answer.choices[0].finish_reason, 'stop')
    assert.ok(answer.usage.total_tokens > 0)
  },
  async 'openai stream'() {
    const chunks = await stream('echo')
    assert.equal(text(chunks), echo)
    assert.deepEqual(chunks.map((chunk) => chunk.choices[0]?.finish_reason).filter(Boolean), ['stop'])
    assert.ok(chunks.at(-1).usage.completion_tokens > 0)
  },
  async 'openai stream helper'() {
    const runner = ai.chat.completions.stream({ model: 'echo', messages })
    assert.equal((await runner.finalChatCompletion()).choices[0].message.content, echo)
  },
  async 'openai lenient streams'() {
    const whole = text(await stream('u16-103-early-hints'))
    for (const model of ['u35-crlf', 'u35-no-space', 'u35-comments', 'u35-fields', 'u35-byte-by-byte', 'u36-split-utf8'])
      assert.equal(text(await stream(model)), whole, model)
  },
  async 'openai errors'() {
    for (const [model, kind] of [
      ['u55-400', OpenAI.BadRequestError],
      ['u58-401', OpenAI.AuthenticationError],
      ['u60-404', OpenAI.NotFoundError],
      ['u66-429', OpenAI.RateLimitError],
      ['u69-503', OpenAI.InternalServerError],
      ['u10-reset', OpenAI.APIConnectionError],
      ['u32-error-mid', OpenAI.APIError],
    ])
      await assert.rejects(stream(model), kind, model)
  },
  async 'openai models'() {
    assert.ok((await collect(ai.models.list())).some((model) => model.id === 'echo'))
  },
  async 'anthropic whole'() {
    const answer = await claude.messages.create({ model: 'echo', max_tokens: 100, messages })
    assert.equal(answer.content[0].text, echo)
    assert.equal(answer.stop_reason, 'end_turn')
    assert.ok(answer.usage.input_tokens > 0 && answer.usage.output_tokens > 0)
  },
  async 'anthropic stream'() {
    const answer = await claude.messages.stream({ model: 'echo', max_tokens: 100, messages }).finalMessage()
    assert.equal(answer.content[0].text, echo)
    assert.equal(answer.stop_reason, 'end_turn')
    assert.ok(answer.usage.output_tokens > 1)
  },
  async 'anthropic thinking'() {
    const model = 'u24-reasoning-tokens-3-every-1'
    const answer = await claude.messages.stream({ model, max_tokens: 100, messages }).finalMessage()
    assert.deepEqual(answer.content.map((block) => block.type), ['thinking', 'text'])
  },
  async 'anthropic errors'() {
    for (const [model, kind] of [
      ['u58-401', Anthropic.AuthenticationError],
      ['u66-429', Anthropic.RateLimitError],
      ['u69-529', Anthropic.InternalServerError],
      ['u32-error-mid', Anthropic.APIError],
    ])
      await assert.rejects(claude.messages.stream({ model, max_tokens: 100, messages }).finalMessage(), kind, model)
  },
  async 'anthropic models'() {
    assert.ok((await collect(claude.models.list())).some((model) => model.id === 'echo'))
  },
}

for (const [name, check] of Object.entries(checks)) {
  try {
    await check()
    console.log(`ok node ${name}`)
  } catch (error) {
    console.log(`FAILED node ${name}: ${String(error).split('\n').slice(0, 3).join(' | ')}`)
  }
}
console.log('-- node: openai, @anthropic-ai/sdk')
