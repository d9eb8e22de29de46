/** All sentences that were read for a question, compared with one another, as in qa/answer/comparison.py. */
import { added, dense, deviations, dot, height, row, softmax, stacked } from "./numbers.js";

const HEADS = 4;

/** @typedef {import("./numbers.js").Matrix} Matrix */

/** Adds to each sentence's score what comparing it with all others shows. */
export class Comparison {
  /** @param {Record<string, Matrix>} weights the reader's heads, by their names */
  constructor(weights) {
    this.weights = weights;
  }

  /**
   * What is added, one number a sentence.
   * @param {Matrix} hidden what the reader has made of each sentence
   * @param {Matrix} given what the retriever thinks of each
   * @param {number[]} passages the number of each sentence's passage
   */
  compare(hidden, given, passages) {
    const sentences = added(hidden, this.dense("given", given));
    const none = this.weights["comparison.none"].values;
    /** @type {Matrix} */
    let x = { values: Float32Array.from([...none, ...sentences.values]), width: hidden.width };
    x = added(x, this.dense("out", this.attend(this.dense("asked", normal(x)), [-1, ...passages])));
    x = added(x, this.dense("down", gelu(this.dense("up", normal(x)))));
    const better = this.dense("better", normal(x)).values;
    return better.subarray(1).map((value) => value - better[0]);
  }

  /**
   * What each sentence sees of the others; more of those that are of its own passage.
   * @param {Matrix} asked questions, keys and values, each of all heads
   * @param {number[]} passages
   */
  attend(asked, passages) {
    const width = asked.width / 3;
    const size = width / HEADS;
    const found = { values: new Float32Array(passages.length * width), width };
    for (let head = 0; head < HEADS; head++) {
      const at = (/** @type {number} */ number, /** @type {number} */ part) =>
        row(asked, number).subarray(part * width + head * size, part * width + (head + 1) * size);
      const same = this.weights["comparison.same"].values[head];
      for (const [number, passage] of passages.entries()) {
        const logits = passages.map(
          (other, n) => dot(at(number, 0), at(n, 1)) / Math.sqrt(size) + (passage >= 0 && other === passage ? same : 0),
        );
        const seen = row(found, number).subarray(head * size, (head + 1) * size);
        softmax(logits).forEach((share, n) => at(n, 2).forEach((value, i) => (seen[i] += share * value)));
      }
    }
    return found;
  }

  /** @param {string} name @param {Matrix} x */
  dense(name, x) {
    const own = `comparison.${name}`;
    return dense(x, this.weights[`${own}.weight`], this.weights[`${own}.bias`]?.values);
  }
}

/** Each row with mean 0 and deviation 1. @param {Matrix} x */
function normal(x) {
  return stacked(
    Array.from({ length: height(x) }, (_, at) => {
      const { above, deviation } = deviations(row(x, at));
      return above.map((value) => value / Math.sqrt(deviation ** 2 + 1e-5));
    }),
  );
}

/** Hendrycks and Gimpel, Gaussian error linear units (2016), by its approximation with tanh. @param {Matrix} x */
function gelu({ values, width }) {
  const one = (/** @type {number} */ v) => 0.5 * v * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (v + 0.044715 * v ** 3)));
  return { values: values.map(one), width };
}
