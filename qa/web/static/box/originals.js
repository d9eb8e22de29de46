/** Where a document is published by its owner → the address of a quote there, as in qa/answer/originals.py. */
import { squeezed } from "./types.js";

const PAGES = /\.(html?|xhtml)$/i; // files whose headings have names that a browser goes to
const WORDS = 5; // of a quote's beginning and its end, that a text fragment names

/**
 * The address of a quote on its document's own page: a PDF's page, the heading above it, or its words.
 * @param {import("./types.js").Document} document
 * @param {import("./types.js").Citation} citation
 */
export function originalOf(document, citation) {
  const { address, id } = document;
  if (!address || address.includes("#")) return address;
  if (/\.pdf$/i.test(id) && citation.page) return `${address}#page=${citation.page}`;
  const anchor = PAGES.test(id) ? anchorAbove(document, citation.start) : "";
  return anchor
    ? `${address}#${quoted(anchor).replaceAll("%2F", "/")}`
    : `${address}#:~:text=${fragment(citation.quote)}`;
}

/** The name of the nearest heading above a place. @param {import("./types.js").Document} document @param {number} at */
function anchorAbove({ blocks }, at) {
  return blocks.findLast(({ kind, start, anchor }) => start <= at && kind === "heading" && anchor)?.anchor ?? "";
}

/** A text fragment of a quote: all of it, or how it begins and ends. @param {string} words */
function fragment(words) {
  const parts = squeezed(words).split(" ");
  if (parts.length <= 2 * WORDS) return encoded(parts);
  return `${encoded(parts.slice(0, WORDS))},${encoded(parts.slice(-WORDS))}`;
}

/** @param {string[]} words */
const encoded = (words) => quoted(words.join(" ")).replaceAll("-", "%2D");

/** A text as Python's urllib.parse.quote writes it. @param {string} text */
const quoted = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
