/** BM25: the passages that have each term and how much it weighs there, as in qa/index/local/lexical.py. */
import { order } from "./numbers.js";

/** The terms in order, with the passages that have each, the weights there and how rare each term is. */
export class Lexical {
  /**
   * @param {string[]} terms
   * @param {{first_passages: Int32Array, passages: Int32Array, weights: Float32Array, idf: Float32Array}} columns
   */
  constructor(terms, columns) {
    this.numbers = new Map(terms.map((term, number) => [term, number]));
    this.columns = columns;
  }

  /** Whether any passage has a term. @param {string} term */
  has(term) {
    return this.numbers.has(term);
  }

  /** The scores of all passages, `size` of them, for some terms. @param {string[]} terms @param {number} size */
  scores(terms, size) {
    const { first_passages: first, passages, weights, idf } = this.columns;
    const scores = new Float32Array(size);
    for (const term of terms) {
      const number = this.numbers.get(term);
      if (number === undefined) continue;
      for (let at = first[number]; at < first[number + 1]; at++) scores[passages[at]] += weights[at] * idf[number];
    }
    return scores;
  }
}

/** The k passages with the greatest scores, none that has no term. @param {Float32Array} scores @param {number} k */
export function best(scores, k) {
  const having = [...scores.keys()].filter((number) => scores[number] > 0);
  return order(having.map((number) => scores[number]))
    .slice(0, k)
    .map((at) => having[at]);
}
