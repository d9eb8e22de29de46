/** Typing errors: a question's words that nobody knows → the documents' nearest ones, as in qa/question/spelling.py. */
import { WORD, fold } from "./terms.js";
import { length } from "./types.js";

const [SHORTEST, LONGEST] = [5, 30]; // letters
const MOST = 5; // words of a question that are looked up
const ALPHABETS = ["abcdefghijklmnopqrstuvwxyz", "абвгдежзиклмнопрстуфхцчшщъыьэюя"]; // of folded words

/**
 * The question with each unknown word as the documents spell it, where that differs by one typing error.
 * @param {string} question
 * @param {import("./store.js").Store} store
 * @param {import("./terms.js").Analyzer} analyzer
 * @param {import("./tokenizer.js").Tokenizer} tokenizer
 */
export function corrected(question, store, analyzer, tokenizer) {
  const folded = new Set([...question.matchAll(WORD)].map(([word]) => fold(word)));
  const unknown = [...folded].filter((word) => {
    const size = length(word);
    return size >= SHORTEST && size <= LONGEST && !analyzer.terms(word).some((term) => store.known(term));
  });
  const better = new Map(unknown.slice(0, MOST).map((word) => [word, nearest(word, store, tokenizer)]));
  return question.replace(WORD, (word) => {
    const found = better.get(fold(word));
    return found ? inCase(found, word) : word;
  });
}

/**
 * @param {string} word
 * @param {import("./store.js").Store} store
 * @param {import("./tokenizer.js").Tokenizer} tokenizer
 */
function nearest(word, store, tokenizer) {
  const alphabet = ALPHABETS.find((letters) => [...word].every((letter) => letters.includes(letter)));
  if (!alphabet || tokenizer.encode(word).ids.length === 1 || store.frequency(word)) return null;
  const found = [...oneErrorAway(word, alphabet)].filter((other) => store.frequency(other));
  /** @param {string} other @returns {[boolean, number, string]} */
  const rank = (other) => [other[0] === word[0], store.frequency(other), other];
  return found.reduce((best, other) => (best && !isAbove(rank(other), rank(best)) ? best : other), "") || null;
}

/** Whether one list is above another, by the first place where they differ. @param {any[]} a @param {any[]} b */
function isAbove(a, b) {
  const at = a.findIndex((value, place) => value !== b[place]);
  return at >= 0 && a[at] > b[at];
}

/**
 * Every text that one letter left out, put in or changed, or two neighbours swapped, makes of a word.
 * @param {string} word
 * @param {string} alphabet
 */
function oneErrorAway(word, alphabet) {
  const found = new Set();
  for (let at = 0; at <= word.length; at++) {
    const [a, b] = [word.slice(0, at), word.slice(at)];
    if (b) found.add(a + b.slice(1));
    if (b.length > 1) found.add(a + b[1] + b[0] + b.slice(2));
    for (const letter of alphabet) {
      if (b) found.add(a + letter + b.slice(1));
      found.add(a + letter + b);
    }
  }
  return found;
}

/** @param {string} word @param {string} like */
function inCase(word, like) {
  if (like === like.toUpperCase()) return word.toUpperCase();
  const isCapital = like[0] === like[0].toUpperCase();
  return isCapital ? word[0].toUpperCase() + word.slice(1) : word;
}
