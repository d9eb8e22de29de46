/** The documents, their passages and what they are found by, as qa/index/local/store.py holds them. */
import { Characters } from "./types.js";
import { Lexical, best } from "./lexical.js";
import { Parts } from "./columns.js";
import { order } from "./numbers.js";

/**
 * @typedef {import("./types.js").Passage} Passage
 * @typedef {import("./types.js").Document} Document
 * @typedef {[number, string, number, number, [number, number, number, boolean, number | null][]]} Row
 *   of a passage: its document's number, its heading, start, end, and its sentences
 * @typedef {{numbers: number[], dense: number[], sentence: number[], lexical: number[]}} Candidates
 *   passages that one ranking or the other found, with the scores that each ranking gives to all of them
 */

/** Passages with their vectors, numbered so that those of a document follow one another. */
export class Store {
  /**
   * @param {{documents: Document[], passages: Row[], terms: string[], frequencies: Record<string, number>,
   *   topics: string[]}} index
   * @param {any} columns
   * @param {number} dimension
   */
  constructor(index, columns, dimension) {
    this.documents = index.documents;
    this.texts = index.documents.map(({ text }) => new Characters(text));
    this.rows = index.passages;
    this.frequencies = new Map(Object.entries(index.frequencies));
    this.topics = index.topics;
    this.lexical = new Lexical(index.terms, columns);
    this.parts = new Parts(columns, dimension);
  }

  /**
   * The k best passages by each ranking, for a question's unit vector and its terms.
   * @param {Float32Array} vector
   * @param {string[]} terms
   * @param {number} k
   * @returns {Candidates}
   */
  search(vector, terms, k) {
    const dense = this.parts.dense(vector);
    const lexical = this.lexical.scores(terms, this.rows.length);
    const found = new Set([...order(dense).slice(0, k), ...best(lexical, k)]);
    const numbers = [...found].sort((a, b) => a - b);
    return {
      numbers,
      dense: numbers.map((number) => dense[number]),
      sentence: numbers.map((number) => Math.max(...this.similarities(number, vector))),
      lexical: numbers.map((number) => lexical[number]),
    };
  }

  /** The passage of a number, or null where there is none. @param {number} number @returns {Passage | null} */
  passage(number) {
    if (!this.rows[number]) return null;
    const [of, heading, start, end, places] = this.rows[number];
    const { id: documentId, title } = this.documents[of];
    const cut = (/** @type {number} */ from, /** @type {number} */ to) => this.texts[of].slice(from, to);
    const sentences = places.map(([from, to, list, opens, page]) => ({
      start: from,
      end: to,
      text: cut(from, to),
      list,
      opens,
      page,
    }));
    return { documentId, title, heading, start, end, text: cut(start, end), sentences };
  }

  /** The cosine of a unit vector and each sentence of a passage. @param {number} number @param {Float32Array} vector */
  similarities(number, vector) {
    return this.parts.similarities(number, vector);
  }

  /** Whether any passage has a term. @param {string} term */
  known(term) {
    return this.lexical.has(term);
  }

  /** How often a word stands in the passages, without case and accents. @param {string} word */
  frequency(word) {
    return this.frequencies.get(word) ?? 0;
  }

  /** The document of an id. @param {string} documentId */
  document(documentId) {
    return this.documents.find(({ id }) => id === documentId);
  }
}
