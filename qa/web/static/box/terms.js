/** Text → terms: the stems of the words that carry meaning, as qa/text/terms.py finds them. */
import { stemmers } from "./snowball.js";

export const WORD = /[\p{L}\p{N}](?:[\p{L}\p{N}]|[\u0300-\u036f])*/gu;

/** Finds the terms of texts in the documents' language. */
export class Analyzer {
  /**
   * @param {string} language a code of qa.terms.LANGUAGES
   * @param {Iterable<string>} stop the words that carry no meaning, folded
   * @param {Map<string, string>} known the terms of the documents' own words, "" for none
   */
  constructor(language, stop, known) {
    this.language = language;
    this.stop = new Set(stop);
    this.known = known;
    this.stem = stemmers[language] ?? ((/** @type {string} */ word) => word);
  }

  /** The terms of a text in order, repeated as often as they occur. @param {string} text */
  terms(text) {
    return words(text.toLowerCase())
      .map((word) => this.term(word))
      .filter(Boolean);
  }

  /** @param {string} word in lower case */
  term(word) {
    return this.known.get(word) ?? (this.stop.has(fold(word)) ? "" : fold(this.stem(word)));
  }
}

/** The words of a text in order. @param {string} text @returns {string[]} */
export const words = (text) => text.match(WORD) ?? [];

/** Lower case without accents, as words are compared. @param {string} text */
export const fold = (text) =>
  text
    .toLowerCase()
    .normalize("NFKD")
    .replace(/\p{Mn}/gu, "");
