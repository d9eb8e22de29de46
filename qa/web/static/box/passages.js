/** What stands before a passage's text when it is read, as in qa/text/passages.py. */
import { Characters } from "./types.js";

const LABEL_TOKENS = 48; // at most this many of a passage's tokens are its title and heading

/**
 * @param {string} title
 * @param {string} heading
 * @param {import("./tokenizer.js").Tokenizer} tokenizer
 */
export function label(title, heading, tokenizer) {
  const text = [title, heading]
    .filter(Boolean)
    .map((part) => `${part}. `)
    .join("");
  const { offsets } = tokenizer.encode(text);
  return offsets.length <= LABEL_TOKENS ? text : new Characters(text).slice(0, offsets[LABEL_TOKENS][0]);
}
