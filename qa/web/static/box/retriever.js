/** Question → the passages that fit it best: three rankings, fused, as in qa/answer/retriever.py. */
import { deviations, order } from "./numbers.js";

const POOL = 100; // passages that each ranking proposes
const SHORTLIST = 8; // of the pool, those that are read
const FURTHER = 12; // of the pool, those behind them that are hits as well

/**
 * @typedef {import("./types.js").Passage} Passage
 * @typedef {{number: number, passage: Passage, fused: number, similarities: Float32Array, copies: Passage[]}} Candidate
 *   a passage to be read, with its fused score and the cosines of its sentences; `copies` are of the same text
 * @typedef {{question: string, candidates: Candidate[], further: import("./types.js").Hit[]}} Retrieved best first
 */

/** Finds the passages of a store that fit a question best. */
export class Retriever {
  /**
   * @param {import("./store.js").Store} store
   * @param {import("./onnx_runtime.js").Encoder} encoder
   * @param {import("./terms.js").Analyzer} analyzer
   */
  constructor(store, encoder, analyzer) {
    this.store = store;
    this.encoder = encoder;
    this.analyzer = analyzer;
  }

  /** The shortlist for a question. @param {string} question @returns {Promise<Retrieved>} */
  async retrieve(question) {
    const terms = [...new Set(this.analyzer.terms(question))];
    const vector = await this.encoder.encodeQuestion(question);
    const pool = this.store.search(vector, terms, POOL);
    const scores = [pool.dense, pool.sentence, pool.lexical].map(zScores);
    const fused = pool.numbers.map((_, at) => scores[0][at] + scores[1][at] + scores[2][at]);
    /** @type {Map<string, Candidate>} */
    const groups = new Map(); // of passages that say the same
    for (const at of order(fused).slice(0, SHORTLIST + FURTHER)) {
      const number = pool.numbers[at];
      const passage = /** @type {Passage} */ (this.store.passage(number));
      const similarities = this.store.similarities(number, vector);
      const first = groups.get(passage.text);
      if (first) first.copies.push(passage);
      else groups.set(passage.text, { number, passage, fused: fused[at], similarities, copies: [] });
    }
    const candidates = [...groups.values()];
    const read = candidates.slice(0, SHORTLIST);
    const seen = new Set(read.map(({ passage }) => passage.documentId));
    const further = candidates.slice(SHORTLIST).filter(({ passage }) => !seen.has(passage.documentId));
    return { question, candidates: read, further: further.map(({ passage, fused: score }) => ({ passage, score })) };
  }
}

/** By how many deviations each score is above their mean. @param {number[]} scores */
function zScores(scores) {
  const { above, deviation } = deviations(scores);
  return above.map((value) => value / (deviation + 1e-9));
}
