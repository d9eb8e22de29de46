/** The export's own page: shows a document, with what is cited of it marked, where the address names one. */
import { Characters } from "./types.js";
import { open } from "./box.js";

const SOURCE = /^#source\/(.+)\?start=(\d+)&end=(\d+)$/;
const TAGS = { heading: "h3", item: "li", code: "pre" };

const box = /** @type {HTMLElement} */ (document.querySelector("qa-box"));
const view = /** @type {HTMLElement} */ (document.querySelector("article"));
const address = new URL(/** @type {string} */ (box.dataset.index), document.baseURI).href;

addEventListener("hashchange", show);
show();

async function show() {
  const [, id, start, end] = location.hash.match(SOURCE) ?? [];
  document.body.classList.toggle("source", id !== undefined);
  if (id === undefined) return view.replaceChildren();
  const manifest = await (await fetch(address)).json();
  const found = await open(manifest, address).document(decodeURIComponent(id));
  const back = Object.assign(document.createElement("a"), { href: "#", textContent: "← Back" });
  view.replaceChildren(back, ...(found ? written(found, Number(start), Number(end)) : ["There is no such document."]));
  (view.querySelector("mark") ?? view).scrollIntoView({ block: "center" });
  view.focus({ preventScroll: true });
}

/** A document's blocks as elements, with the characters from start to end marked. */
function written(
  /** @type {import("./types.js").Document} */ found,
  /** @type {number} */ start,
  /** @type {number} */ end,
) {
  const text = new Characters(found.text);
  const blocks = found.blocks.map((block) => {
    const element = document.createElement(TAGS[/** @type {keyof typeof TAGS} */ (block.kind)] ?? "p");
    if (block.kind === "item") element.style.marginInlineStart = `${block.level + 1.25}em`;
    const [from, to] = [start, end].map((at) => Math.min(Math.max(at, block.start), block.end));
    element.append(text.slice(block.start, from));
    if (from < to) element.append(Object.assign(document.createElement("mark"), { textContent: text.slice(from, to) }));
    element.append(text.slice(Math.max(from, to), block.end));
    return element;
  });
  return [Object.assign(document.createElement("h2"), { textContent: found.title }), ...blocks];
}
