/**
 * The chat page's conversation: shown, kept in the visitor's own browser, copied, judged and linked to. Gradio does the
 * asking: `ask` gives it the question, `arrived` or `failed` gets what came of it. The HTML of an answer is the
 * server's, in which every text of a document is escaped.
 */
const HISTORY = 8000; // bytes of earlier questions and answers that are sent along
const KEPT = 40; // answers kept for the next visit
const MARGIN = 12; // pixels above the question that is scrolled to
const STORE = `question-box${location.pathname.replace(/\/$/, "")}`; // of each collection its own
const { words, title, about, logo, feedback } = JSON.parse(document.getElementById("qa-page").textContent);

const wanted = new URLSearchParams(location.search).get("q")?.trim();
let answered = []; // { question, standalone, text, html, copy, verdict }
let asking = null; // the article that waits for its answer
let next = null; // a question that wasn't typed
let log, thread, beginning, greeting, invited, live, clearing, send;

/** An element; strings become text, never HTML. */
function el(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

/** Builds the page in Gradio's element; `trigger` has Gradio ask. */
function start(element, trigger) {
  send = () => trigger("submit");
  const picture = logo ? [el("img", { src: logo, alt: "", className: "qa-logo" })] : [];
  clearing = el("button", { type: "button", className: "qa-clear", onclick: clear }, words.clear);
  const name = el("div", {}, el("h1", {}, title), el("p", { className: "qa-about", textContent: about }));
  greeting = el("p", { textContent: words.opening });
  invited = el("div", { className: "qa-examples" });
  beginning = el("div", { className: "qa-greeting" }, greeting, invited);
  thread = el("div", { className: "qa-thread" });
  live = el("output", { className: "qa-live", ariaLive: "polite" });
  log = el("div", { className: "qa-log", tabIndex: 0, role: "group", ariaLabel: words.conversation, onclick: act });
  log.append(beginning, thread);
  element.replaceChildren(el("header", { className: "qa-header" }, ...picture, name, clearing), log, live);
  restore();
  refresh();
}

/** Takes note that questions are answered from now on, or refused where there are no documents. */
function ready({ isOpen }) {
  document.title = title;
  if (window === parent) document.querySelector("#qa-ask textarea").focus(); // else the page around it would scroll
  invite(isOpen ? words.begin_alone : words.no_documents);
  if (!wanted || !isOpen) return;
  history.replaceState(null, "", location.pathname);
  if (answered.at(-1)?.question !== wanted) askFor(wanted);
}

/** Shows questions to begin with. */
function suggest(examples) {
  invited.append(...examples.map((text) => el("button", { type: "button", className: "qa-example" }, text)));
  invite(words.begin_alone);
}

function invite(text) {
  greeting.textContent = invited.hasChildNodes() ? words.begin : text;
}

/** Has a question asked as if it was typed. */
function askFor(question) {
  if (asking) return;
  next = question;
  send();
}

/** Shows a question as being searched; returns what Gradio sends: the question and what was asked before. */
function ask(typed) {
  const question = (next ?? typed).trim();
  if (asking || !question) return ["", []];
  if (next === null) type("");
  next = null;
  asking = append(question);
  fill(asking, el("p", { className: "qa-searching" }, words.searching));
  live.textContent = words.searching;
  refresh();
  const history = answered.slice(-KEPT).map(({ standalone, text }) => [standalone, text]);
  while (new Blob([JSON.stringify(history)]).size > HISTORY) history.shift();
  return [question, history];
}

/** Shows an answer, unless it is to a question that was cleared meanwhile; there is none where nothing was asked. */
function arrived(entry) {
  if (!entry || entry.question !== asking?.dataset.question) return;
  const article = asking;
  asking = null;
  if (entry.error) {
    failed(entry.error, article);
    return;
  }
  show(article, entry);
  answered.push(entry);
  live.textContent = entry.copy;
  refresh();
  save();
}

/** Says that no answer came, and lets the question be asked again. */
function failed(text = words.failed, article = asking) {
  if (!article) return;
  asking = null;
  const retry = el("button", { type: "button", className: "qa-example" }, words.retry);
  retry.dataset.question = article.dataset.question;
  fill(article, el("p", { role: "alert" }, text), retry);
  article.classList.add("qa-failed");
  refresh();
}

function append(question) {
  for (const old of thread.querySelectorAll(".qa-failed")) old.remove();
  const article = el("article", {}, el("h2", { className: "qa-question", dir: "auto" }, question), el("div"));
  article.dataset.question = question;
  thread.append(article);
  return article;
}

function fill(article, ...nodes) {
  article.lastChild.replaceChildren(...nodes);
  log.scrollTop = article.offsetTop - MARGIN;
}

function show(article, entry) {
  fill(article);
  article.lastChild.innerHTML = entry.html;
  for (const thumb of article.querySelectorAll("[aria-pressed]")) {
    thumb.hidden = !feedback;
    thumb.ariaPressed = `${thumb.dataset.do === entry.verdict}`;
  }
  log.scrollTop = article.offsetTop - MARGIN;
}

function refresh() {
  beginning.hidden = thread.hasChildNodes();
  clearing.hidden = !thread.hasChildNodes();
  const button = document.querySelector("#qa-send");
  if (button) button.ariaDisabled = `${asking !== null}`;
}

/** Does what a button in the conversation is for. */
async function act(event) {
  const button = event.target.closest("button, a[data-do]");
  if (!button) return;
  const entry = answered[[...thread.children].indexOf(button.closest("article"))];
  if (button.className === "qa-example") askFor(button.dataset.question ?? button.textContent);
  else if (button.dataset.do === "edit") type(entry.standalone, true);
  else if (button.dataset.do === "copy") await copy(button, entry.copy);
  else if (button.dataset.do === "link" && navigator.clipboard) {
    event.preventDefault();
    await copy(button, button.href);
  } else if (button.dataset.do) await judge(button, entry);
}

async function copy(button, text) {
  try {
    await navigator.clipboard.writeText(text.replace(/^source\/.*$/gm, (path) => new URL(path, document.baseURI)));
    say(button, words.copied);
  } catch {
    say(button, words.failed);
  }
}

async function judge(button, entry) {
  const body = JSON.stringify({ question: entry.question, answer: entry.text, verdict: button.dataset.do });
  const headers = { "Content-Type": "application/json" };
  const response = await fetch("api/feedback", { method: "POST", headers, body }).catch(() => null);
  if (!response?.ok) return say(button, words.failed);
  entry.verdict = button.dataset.do;
  for (const thumb of button.parentNode.querySelectorAll("[aria-pressed]")) thumb.ariaPressed = `${thumb === button}`;
  say(button, words.thanked);
  save();
}

function say(button, text) {
  button.parentNode.querySelector("output").textContent = text;
}

/** Puts text where the visitor types. */
function type(text, focused = false) {
  const field = document.querySelector("#qa-ask textarea");
  field.value = text;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  if (focused) field.focus();
}

function clear() {
  answered = [];
  asking = null;
  thread.replaceChildren();
  live.textContent = "";
  type("", true);
  refresh();
  save();
}

function save() {
  try {
    localStorage.setItem(STORE, JSON.stringify(answered.slice(-KEPT)));
  } catch {
    // It is full or blocked: the conversation ends with the page.
  }
}

function restore() {
  try {
    answered = JSON.parse(localStorage.getItem(STORE)) ?? [];
    for (const entry of answered) show(append(entry.question), entry);
  } catch {
    answered = []; // it is blocked or damaged: the conversation begins here
  }
}

globalThis.questionBox = { start, ready, suggest, ask, arrived, failed };
