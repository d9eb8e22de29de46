/**
 * Question box: asks a site's documents; an answer is exact quotes with links to their source.
 *
 *   <script type="module" src="https://HOST/widget.js" data-title="Ask our handbook"></script>
 *
 * makes a floating button; <qa-box></qa-box> is the same box within the page. All options, methods and events are in
 * docs/embedding.md.
 */
const url =
  import.meta.url.startsWith("blob:") ? location.href : // export
  import.meta.url;
const HISTORY = 10; // answers sent along with a question
const KEPT = 40; // answers kept from page to page
const NEAREST = 3; // passages below an abstention
const RETRIES = 5; // while the server loads its documents
const { languages: LANGUAGES, box: WORDS } = {}; // words.json, put in by the server

// `!important` in here wins over all that a page aims at the host element; `medium` is the reader's own font size.
const STYLE = `
:host { all: initial !important; display: block !important; color-scheme: inherit !important; }
:host([data-floating]) { display: contents !important; }
:host([hidden]), [hidden], small:empty { display: none !important; }
* { box-sizing: border-box; margin: 0; }
.root {
  --accent: var(--qa-accent, #0f766e);
  --background: var(--qa-background, light-dark(#fff, #0f172a));
  --text: var(--qa-text, light-dark(#0f172a, #e2e8f0));
  --muted: var(--qa-muted, light-dark(#475569, #a3b1c6));
  --line: 1px solid var(--qa-line, light-dark(#cbd5e1, #334155));
  color-scheme: light dark; color: var(--text); overflow-wrap: anywhere;
  font: medium/1.5 var(--qa-font, system-ui, sans-serif);
}
section {
  display: flex; flex-direction: column; position: relative; overflow: hidden;
  width: min(var(--qa-width, 100%), 100%); height: var(--qa-height, 520px);
  background: var(--background); border: var(--line); border-radius: var(--qa-radius, 12px);
}
.floating > * { position: fixed; inset: auto 20px 20px auto; z-index: var(--qa-z-index, 2147483000); }
.floating[data-position="bottom-left"] > * { inset: auto auto 20px 20px; }
.floating > section {
  width: min(var(--qa-width, 400px), 100% - 40px); height: min(var(--qa-height, 640px), 100dvh - 40px);
  box-shadow: 0 12px 40px #0f172a40;
}
header, footer, .wrap { display: flex; align-items: center; gap: 8px; padding: 10px 16px; }
header { border-block-end: var(--line); }
footer { border-block-start: var(--line); align-items: end; }
.wrap { flex-wrap: wrap; padding: 10px 0 0; }
h2 { flex: 1; font-size: 1em; }
img { max-width: 40%; max-height: 1.5em; }
.log { flex: 1; position: relative; overflow-y: auto; padding: 16px; }
article { display: flex; flex-direction: column; padding: 16px 2px; }
h3 { align-self: end; max-width: 85%; margin-block-end: 16px; padding: 6px 12px; border-radius: 12px; font: inherit; }
h3, blockquote, details p { white-space: pre-line; }
ul { padding: 0; }
blockquote { flex: 1; padding-inline-start: 12px; border-inline-start: 3px solid var(--accent); }
span { align-self: start; margin-inline: 4px; padding: 0 .6em; border-radius: 1em; font-size: .75em; }
p, li, small, strong { display: block; margin-block-end: 8px; }
li { display: flex; }
em { font-style: normal; font-weight: 600; text-decoration: underline; text-underline-offset: .2em; }
small { color: var(--muted); }
small, details, .log button { font-size: .875em; }
details { border-block-start: var(--line); }
summary { padding-block: 6px; }
a { display: inline-block; padding-block: 0 12px; color: inherit; }
mark { background: #fde68a; color: #1f2937; }
.root:not(.feedback) [aria-pressed] { display: none; }
[aria-pressed="true"]::before { content: "✓ " / ""; }
textarea, button {
  padding: 4px 10px; font: inherit; color: inherit; background: none;
  border: 1px solid var(--muted); border-radius: 8px;
}
textarea { flex: 1; field-sizing: content; min-width: 0; max-height: 8em; resize: none; font-size: max(16px, 1em); }
:placeholder-shown { direction: inherit; }
::placeholder { color: var(--muted); opacity: 1; }
summary, button { cursor: pointer; }
button:hover { text-decoration: underline; }
button:disabled { opacity: .5; }
.floating > button { padding: 12px 20px; border-radius: 28px; box-shadow: 0 4px 16px #0f172a59; }
h3, span, footer button, .floating > button, [aria-pressed="true"] {
  background: var(--accent); border: 1px solid transparent; /* for forced colours */
  color: lch(from var(--accent) calc((49.4 - l) * 1e6) 0 0); /* black or white, whichever contrasts more */
}
:focus-visible { outline: 2px solid; outline-offset: -2px; }
output { position: absolute; height: 1px; clip-path: inset(50%); }
@media (max-width: 480px) {
  .floating[data-position] > section { inset: 0; width: 100%; height: 100dvh; border-radius: 0; }
}
`;

/** An element. Strings become text, never HTML, and text takes its own direction. */
function el(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  if (children.some((child) => typeof child === "string")) node.dir = "auto";
  node.append(...children);
  return node;
}

const leading = (href, text) =>
  href.startsWith(`${location.href.split("#")[0]}#`) ? el("a", { href }, text) : // export
  el("a", { href, target: "_blank", rel: "noopener" }, text);
const button = (text, onclick, properties) => el("button", { onclick, ...properties }, text);
const retryAfter = ({ headers }) => Math.ceil(headers.get("Retry-After")) || 5;
const overlap = (a, b) => a.document === b.document && a.start < b.end && b.start < a.end;
const within = (a, b) => a.document === b.document && b.start <= a.start && a.end <= b.end;

/** How a quote begins that can't be understood without what stands before it. */
const LEANING = new RegExp(
  "^\\W*(?:it|its|they|their|them|this|that|these|those|such|he|she|his|her|both|either|neither|one|otherwise|however" +
    "|instead|together|also|then|there|here|if so|(?:in|for) (?:this|that|these|those|such))\\b",
  "i",
);

/** The passages that are cited, overlapping ones as one, in the order of their first citation. */
function citedSources(citations, hits) {
  const sources = [];
  citations.forEach((citation, index) => {
    const passage = hits.find((hit) => within(citation, hit)) ?? { ...citation, text: citation.quote };
    let source = sources.find((other) => overlap(other, passage));
    if (!source) sources.push((source = { ...passage, url: citation.url, page: citation.page, cited: [] }));
    const [first, second] = source.start <= passage.start ? [source, passage] : [passage, source];
    const text = first.text + [...second.text].slice(first.end - second.start).join("");
    Object.assign(source, { text, start: first.start, end: Math.max(first.end, second.end) });
    source.scanned ||= citation.scanned;
    source.cited.push({ ...citation, number: index + 1 });
  });
  return sources;
}

/** A text with its spans in elements. Offsets count code points, as [...text] does, from where the text starts. */
function marked(text, start, spans, tag) {
  const characters = [...text];
  let at = start;
  const cut = (to) => characters.slice(at - start, (at = Math.max(at, to)) - start).join("");
  return [...spans.flatMap(([from, to]) => [cut(from), el(tag, { textContent: cut(to) })]), cut(Infinity)];
}

/** The words that data-words replaces. */
function replaced(json = "{}") {
  try {
    return JSON.parse(json);
  } catch ({ message }) {
    console.error(`qa-box: data-words is not JSON: ${message}`);
  }
}

/** Fills a <qa-box>; returns what has it take its options anew. */
function createBox(host) {
  const floating = host.dataset.floating ?? "";
  const answered = new Map(); // from { question, result, verdict } to where it is shown
  let asking = null; // aborts what waits for its answer
  let options, taken, language, words, server, storageKey, health;
  let index, opened; // export
  const say = (key, n) => `${words[key] ?? WORDS[key][language]}`.replace("{n}", n);
  const where = ({ title, heading, page, scanned }) =>
    title + (heading ? ` › ${heading}` : "") + (page ? say("page", page) : "") + (scanned ? say("scanned") : "");
  const tell = (name, detail) =>
    queueMicrotask(() => host.dispatchEvent(new CustomEvent(`qa-${name}`, { detail, bubbles: true })));

  const launcher = button("", () => show(true), { ariaHasPopup: "dialog", hidden: !floating });
  const clearing = button("", clear);
  const closing = button("×", () => show(false), { hidden: !floating });
  const logo = el("img", { alt: "" });
  const heading = el("h2", {}, "");
  const greeting = el("small", {}, "");
  const recording = el("small", {}, "");
  const suggestions = el("div", { className: "wrap" });
  const thread = el("div");
  const log = el("div", { className: "log", tabIndex: 0, role: "group" }, greeting, recording, suggestions, thread);
  const input = el("textarea", { maxLength: 2000, dir: "auto" });
  const sending = button("", () => ask(input.value));
  const live = el("output", { ariaLive: "polite" });
  const header = el("header", {}, logo, heading, clearing, closing);
  const panel = el("section", { tabIndex: -1 }, header, log, el("footer", {}, input, sending), live);
  if (floating) Object.assign(panel, { role: "dialog", ariaModal: true, hidden: true });
  const root = el("div", { className: `root ${floating}`, onkeydown }, launcher, panel);
  const shadow = host.attachShadow({ mode: "open" });
  shadow.adoptedStyleSheets = [new CSSStyleSheet()];
  shadow.adoptedStyleSheets[0].replaceSync(STYLE);
  shadow.append(root);
  Object.assign(host, { open: () => show(true), close: () => floating && show(false), ask, clear });
  return takeOptions;

  function takeOptions() {
    const near = (name) => host.closest(`[${name}]`)?.getAttribute(name) ?? "";
    const { theme = near("data-theme"), position, accent, ...others } = { ...script?.dataset, ...host.dataset };
    const { lang = near("lang"), examples = "" } = others;
    const declared = getComputedStyle(host).colorScheme === "normal" ? "" : "inherit";
    root.style.colorScheme = /^(light|dark)$/.test(theme) ? theme : declared;
    root.style.setProperty("--accent", CSS.supports("color", accent) ? accent : "");
    root.dataset.position = position;
    if (taken === (taken = JSON.stringify([lang, others]))) return;
    options = others;
    words = { ...replaced(options.words), ...options };
    language = Math.max(0, LANGUAGES.indexOf(lang.slice(0, 2).toLowerCase()));
    root.lang = words.language ?? LANGUAGES[language];
    server = new URL(options.server?.replace(/\/*$/, "/") ?? ".", url);
    if (options.collection) server = new URL(`${options.collection}/`, server);
    index = options.index && new URL(options.index, document.baseURI); // export
    const page = index?.protocol === "blob:" ? location.href.split("#")[0] : "index.html"; // export
    if (index) server = new URL(page, index); // export
    launcher.textContent = heading.textContent = log.ariaLabel = panel.ariaLabel = say("title");
    clearing.textContent = say("clear");
    closing.ariaLabel = say("close");
    sending.textContent = say("send");
    greeting.textContent = say("greeting");
    input.placeholder = input.ariaLabel = say("placeholder");
    Object.assign(logo, { hidden: !options.logo, src: options.logo ?? "" });
    suggestions.replaceChildren(...examples.split("|").filter(Boolean).map(suggestion));
    for (const [entry, body] of answered) body.replaceChildren(...answerNodes(entry));
    health = null;
    if (storageKey !== (storageKey = `qa-box ${server} ${floating || host.id}`) && !answered.size) restore();
    refresh();
    if (!panel.hidden) checkHealth();
  }

  function show(shown, focus = true) {
    if (shown && panel.hidden) tell("open");
    panel.hidden = !shown;
    launcher.hidden = shown;
    log.scrollTop = log.scrollHeight;
    if (focus) (shown ? input : launcher).focus();
    checkHealth();
    save();
  }

  function refresh() {
    suggestions.hidden = thread.hasChildNodes();
    clearing.disabled = !thread.hasChildNodes();
    sending.disabled = asking;
  }

  function onkeydown(event) {
    const { key } = event;
    event.stopPropagation(); // it is no shortcut of the page's
    if (event.isComposing || event.keyCode === 229) return; // 229: in Safari
    if (key === "Enter" && !event.shiftKey && event.target === input) {
      event.preventDefault();
      ask(input.value);
    }
    if (key === "Escape" && floating) show(false);
    if (key === "Tab" && floating) keepFocus(event);
  }

  function keepFocus(event) {
    const all = [...panel.querySelectorAll("[tabindex], button:enabled, summary, a, textarea")];
    const stops = all.filter((node) => node.checkVisibility());
    if (event.shiftKey) stops.reverse();
    if (event.target === stops.at(-1) || event.target === panel) {
      event.preventDefault();
      stops[0].focus();
    }
  }

  async function ask(text) {
    const question = text.trim();
    if (!question || asking) return;
    if (panel.hidden) show(true);
    if (text === input.value) input.value = "";
    return answer(question, append(question));
  }

  /** Adds a question; returns where its answer belongs. */
  function append(question) {
    const body = el("div");
    thread.append(el("article", {}, el("h3", {}, question), body));
    return body;
  }

  async function answer(question, body) {
    if (asking) return;
    const current = (asking = new AbortController());
    input.focus();
    refresh();
    try {
      const result = await request(question, body, current.signal);
      const entry = { question, result };
      fill(body, textOf(result), answerNodes(entry));
      answered.set(entry, body);
      save();
      tell("answer", result);
      return result;
    } catch ({ message }) {
      if (current.signal.aborted) return;
      fill(body, message, [el("p", {}, message), button(say("retry"), () => answer(question, body))]);
      tell("error", { question, message });
    } finally {
      if (asking === current) asking = null;
      refresh();
    }
  }

  /** An answer, or why there is none in the language of the box. */
  function textOf({ answer, reason, languages = [] }) {
    const names = languages.map((code) => new Intl.DisplayNames([code], { type: "language" }).of(code));
    return WORDS[`said_${reason}`] ? say(`said_${reason}`, names.join(", ")) : answer;
  }

  /** Shows nodes below a question, and has their text read out. */
  function fill(body, text, nodes = [el("p", {}, text)]) {
    body.replaceChildren(...nodes);
    live.textContent = text;
    log.scrollTop = body.parentNode.offsetTop;
  }

  /** Asks, a few times over while the documents are being loaded. */
  async function request(question, body, signal) {
    const history = [...answered.keys()].slice(-HISTORY).map(({ result }) => [result.standalone, result.answer]);
    if (index) fill(body, say("loading")); // export
    if (index) await local(); // export
    fill(body, say("searching"));
    for (let left = RETRIES; ; left--) {
      const response = await call("api/ask", { question, history, context: options.context }, signal);
      if (response.status !== 503 || !left) return read(response);
      fill(body, say("loading"));
      await new Promise((resolve) => setTimeout(resolve, 1000 * Math.min(30, retryAfter(response))));
    }
  }

  async function local() { // export
    const open = async (manifest) => (await import(new URL(manifest.box, index))).open(manifest, index.href); // export
    opened ??= fetch(index).then((response) => response.json()).then(open); // export
    try { // export
      const box = await opened; // export
      return await box.ready, box; // export
    } catch { // export
      opened = null; // export
      throw new Error(say("offline")); // export
    } // export
  } // export

  function call(path, body, ...signals) {
    if (index) return local().then((box) => box.call(path, body, ...signals)); // export
    const headers = new Headers(body && { "Content-Type": "application/json" });
    if (options.token) headers.set("Authorization", `Bearer ${options.token}`);
    return fetch(new URL(path, server), {
      method: body && "POST",
      headers,
      body: body && JSON.stringify(body),
      credentials: "omit",
      signal: AbortSignal.any([...signals, AbortSignal.timeout(60_000)]),
    }).catch(() => {
      throw new Error(say("offline"));
    });
  }

  async function read(response) {
    const { ok, status } = response;
    const value = await response.json().catch(() => null);
    if (ok && Array.isArray(value?.citations) && Array.isArray(value.hits)) return value;
    const key = { 401: "forbidden", 403: "forbidden", 429: "wait", 503: "loading" }[status];
    throw new Error(key ? say(key, retryAfter(response)) : value?.error || say("error", status));
  }

  function checkHealth() {
    health ??= call("api/health")
      .then((response) => response.json())
      .then(({ feedback, recorded }) => {
        root.classList.toggle("feedback", feedback === true);
        recording.textContent = recorded > 0 ? say("recording", recorded) : "";
      })
      .catch(() => {}); // without it there are no thumbs
  }

  function answerNodes(entry) {
    const { question, result } = entry;
    const nodes = [...(result.abstained ? abstention(result) : quotes(result)), actions(entry)];
    if (result.standalone === question) return nodes;
    const edit = button(say("edit"), () => {
      input.value = result.standalone;
      input.focus();
    });
    return [el("small", {}, say("searched"), result.standalone, " ", edit), ...nodes];
  }

  function quotes(result) {
    const { citations } = result;
    const badge = (number) => (citations.length > 1 ? [el("span", {}, `${number}`)] : []);
    const items = citations.map(({ quote, start, span }, i) => {
      const words = marked(quote, start, span ? [span] : [], "em");
      return el("li", {}, ...badge(i + 1), el("blockquote", {}, ...words));
    });
    const sources = citedSources(citations, result.hits).map((each) => source(each, badge, result.unsure));
    const unsure = result.unsure ? [el("strong", {}, say("unsure"))] : [];
    return [...unsure, el("ul", {}, ...items), ...sources];
  }

  function abstention(result) {
    const { hits, examples = [] } = result;
    const nearest = hits.slice(0, NEAREST).map((hit) => source({ ...hit, cited: [] }));
    if (nearest.length) nearest.unshift(el("small", {}, say("nearest")));
    const suggested = examples.length ? [el("div", { className: "wrap" }, ...examples.map(suggestion))] : [];
    return [el("strong", {}, textOf(result)), ...suggested, ...nearest];
  }

  function source(passage, badge, open = false) {
    const numbers = passage.cited.flatMap(({ number }) => badge(number));
    const spans = passage.cited.map(({ start, end }) => [start, end]).sort(([a], [b]) => a - b);
    const text = el("p", {}, ...marked(passage.text, passage.start, spans, "mark"));
    const original = address({ url: passage.cited.find((each) => each.original)?.original });
    const href = address(passage);
    const link = original ? [leading(original, say("source"))] : [];
    if (href) link.push(leading(href, say(original ? "marked" : "source")));
    const also = passage.cited.flatMap((each) => each.also ?? []);
    const place = (each) => leading(address(each), `${each.document} `);
    if (also.length) link.push(el("small", {}, say("also"), ...also.map(place)));
    open ||= passage.cited.some(({ quote }) => LEANING.test(quote));
    return el("details", { open }, el("summary", {}, ...numbers, where(passage)), text, ...link);
  }

  /** The address of a source, given from the server's root; "" unless it is of http or https. */
  function address({ url }) {
    const { protocol, href } = (url && URL.parse(`${url}`.replace(/^\/+/, ""), server)) || {};
    if (index && protocol === "file:") return href; // export
    return /^https?:$/.test(protocol) ? href : "";
  }

  function suggestion(text) {
    return button(text, () => ask(text));
  }

  function actions(entry) {
    const { question, result } = entry;
    const note = el("small");
    const act = async (action) => {
      note.textContent = await action().then((text = "✓") => text, ({ message }) => message);
      live.textContent = note.textContent;
    };
    const cited = result.citations.map((each) => `“${each.quote}”\n${where(each)}\n${address(each)}`);
    const text = [textOf(result), ...cited].join("\n\n");
    const write = () => act(() => navigator.clipboard.writeText(text));
    const copy = button(say("copy"), write, { hidden: !navigator.clipboard }); // as on http
    const thumbs = ["up", "down"].map((verdict) => {
      const rate = async () => {
        const response = await call("api/feedback", { question, answer: result.answer, verdict });
        if (!response.ok) await read(response);
        entry.verdict = verdict;
        for (const each of thumbs) each.ariaPressed = each === thumb;
        save();
        return "";
      };
      const thumb = button(say(verdict), () => act(rate), { ariaPressed: entry.verdict === verdict });
      return thumb;
    });
    return el("div", { className: "wrap" }, copy, ...thumbs, note);
  }

  function clear() {
    asking?.abort();
    asking = null;
    answered.clear();
    thread.replaceChildren();
    input.focus();
    refresh();
    save();
  }

  function save() {
    if (options.remember === "off") return;
    const kept = { open: !panel.hidden, answered: [...answered.keys()].slice(-KEPT) };
    try {
      sessionStorage.setItem(storageKey, JSON.stringify(kept));
    } catch {
      // It is full or blocked: the conversation ends with the page.
    }
  }

  function restore() {
    if (options.remember === "off") return;
    try {
      const kept = JSON.parse(sessionStorage.getItem(storageKey));
      for (const entry of kept?.answered ?? []) {
        const nodes = answerNodes(entry);
        const body = append(entry.question);
        body.append(...nodes);
        answered.set(entry, body);
      }
      if (kept?.open && floating) show(true, false);
    } catch {
      // It is blocked or damaged: the conversation begins here.
    }
  }
}

class QaBox extends HTMLElement {
  #take;
  #observer;

  connectedCallback() {
    this.#take ??= createBox(this);
    this.#take();
    this.#observer ??= new MutationObserver(this.#take);
    const observe = (node) => this.#observer.observe(node, { attributes: true });
    for (let node = this; node; node = node.parentElement) observe(node); // for theme and language
    if (script) observe(script);
  }

  disconnectedCallback() {
    this.#observer.disconnect();
  }
}

// A module has no document.currentScript. Of another name it is a bundle, which places its boxes itself.
const script = [...document.querySelectorAll("script[src*='widget.js']")].find(({ src }) => src === url);

if (!customElements.get("qa-box")) {
  customElements.define("qa-box", QaBox);
  if (script && script.dataset.button !== "off") {
    const box = document.createElement("qa-box");
    box.dataset.floating = "floating";
    (document.body ?? document.documentElement).append(box);
  }
}
