/** The network that reads a question with a passage and scores its sentences, as in qa/answer/cross_encoder.py. */
import { dense, dot, height, row, softmax, stacked } from "./numbers.js";
import { Comparison } from "./comparison.js";
import { label } from "./passages.js";
import { length } from "./types.js";

const MAX_TOKENS = 384; // of a question and a passage together
const MAX_QUESTION = 96; // of those
const LONGEST_SPAN = 24; // tokens
const UNREAD = -20; // the score of a sentence behind MAX_TOKENS

/**
 * @typedef {import("./numbers.js").Matrix} Matrix
 * @typedef {import("./types.js").Passage} Passage
 * @typedef {import("./types.js").Span} Span
 */

/** What reading a passage gave: a score for each sentence and one for all of it, and where each token stands. */
export class Reading {
  /**
   * @param {Passage} passage
   * @param {Float32Array} sentences
   * @param {Matrix} hidden what the sentences' scores are made from
   * @param {number} whole
   * @param {Matrix} marks score each token as the first and the last one of an answer
   * @param {Span[]} places where in the document the tokens stand
   * @param {number[]} owners in which sentence, -1 for none
   */
  constructor(passage, sentences, hidden, whole, marks, places, owners) {
    this.passage = passage;
    this.sentences = sentences;
    this.hidden = hidden;
    this.whole = whole;
    this.marks = marks;
    this.places = places;
    this.owners = owners;
  }

  /**
   * The words of a sentence that most likely answer, and how likely they do if the sentence does.
   * @param {number} sentence
   * @returns {[Span, number] | null}
   */
  span(sentence) {
    const inside = [...this.owners.keys()].filter((token) => this.owners[token] === sentence);
    if (!inside.length) return null;
    const [begins, ends] = [0, 1].map((side) => softmax(inside.map((token) => row(this.marks, token)[side])));
    let [first, last, most] = [0, 0, -1];
    begins.forEach((begin, from) => {
      for (let to = from; to < Math.min(from + LONGEST_SPAN, inside.length); to++) {
        if (begin * ends[to] > most) [first, last, most] = [from, to, begin * ends[to]];
      }
    });
    return [[this.places[inside[first]][0], this.places[inside[last]][1]], most];
  }
}

/** Reads passages for a question. */
export class CrossEncoder {
  /**
   * @param {import("./onnx_runtime.js").OnnxNetwork} network
   * @param {import("./tokenizer.js").Tokenizer} tokenizer
   * @param {Record<string, Matrix>} heads
   */
  constructor(network, tokenizer, heads) {
    this.network = network;
    this.tokenizer = tokenizer;
    this.heads = heads;
    this.comparison = new Comparison(heads);
  }

  /** Read each passage under its title and heading. @param {string} question @param {Passage[]} passages */
  async read(question, passages) {
    const [cls, sep] = ["[CLS]", "[SEP]"].map((piece) => this.tokenizer.number(piece));
    const asked = [cls, ...this.tokenizer.encode(question).ids.slice(0, MAX_QUESTION), sep];
    const labels = passages.map(({ title, heading }) => label(title, heading, this.tokenizer));
    const read = passages.map(({ text }, at) => this.tokenizer.encode(labels[at] + text));
    const room = MAX_TOKENS - asked.length - 1;
    const texts = read.map(({ ids }) => [...asked, ...ids.slice(0, room), sep]);
    const embedded = await this.network.embed(texts, asked.length);
    return passages.map((passage, at) =>
      this.reading(passage, length(labels[at]), embedded[at], asked.length, read[at].offsets.slice(0, room)),
    );
  }

  /**
   * What comparing all sentences adds to their scores; `given` is what Comparison is to know of each.
   * @param {Reading[]} readings
   * @param {Matrix[]} given
   */
  compare(readings, given) {
    const rows = (/** @type {Matrix[]} */ all) =>
      all.flatMap((own) => Array.from({ length: height(own) }, (_, n) => row(own, n)));
    const hidden = readings.map((reading) => reading.hidden);
    const passages = hidden.flatMap((own, at) => Array(height(own)).fill(at));
    const added = this.comparison.compare(stacked(rows(hidden)), stacked(rows(given)), passages);
    let from = 0;
    return hidden.map((own) => added.subarray(from, (from += height(own))));
  }

  /**
   * @param {Passage} passage
   * @param {number} shift
   * @param {Matrix} embedded
   * @param {number} first
   * @param {Span[]} offsets
   */
  reading(passage, shift, embedded, first, offsets) {
    const starts = passage.sentences.map(({ start }) => start - passage.start + shift);
    const owners = offsets.map(([start]) => starts.findLastIndex((from) => from <= start));
    const { width } = embedded;
    const tokens = { values: embedded.values.subarray(first * width, (first + offsets.length) * width), width };
    const both = starts.map((_, sentence) => {
      const mean = new Float32Array(2 * width);
      const own = owners.reduce((count, owner) => count + Number(owner === sentence), 0);
      owners.forEach((owner, token) => {
        if (owner === sentence) row(tokens, token).forEach((value, i) => (mean[i] += value / own));
      });
      mean.set(row(embedded, 0), width);
      return mean;
    });
    const hidden = this.head("hidden", stacked(both));
    hidden.values = hidden.values.map((value) => Math.max(value, 0));
    const scores = this.head("sentence", hidden).values;
    const at = passage.start - shift;
    const whole = dot(this.heads["passage.weight"].values, row(embedded, 0)) + this.heads["passage.bias"].values[0];
    const sentences = scores.map((score, sentence) => (owners.includes(sentence) ? score : UNREAD));
    const places = offsets.map(([start, end]) => /** @type {Span} */ ([start + at, end + at]));
    return new Reading(passage, sentences, hidden, whole, this.head("span", tokens), places, owners);
  }

  /** @param {string} name @param {Matrix} x */
  head(name, x) {
    return dense(x, this.heads[`${name}.weight`], this.heads[`${name}.bias`].values);
  }
}
