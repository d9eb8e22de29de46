/** The passages on the shortlist, read → Answer, as in qa/answer/reader.py. */
import { softmax, stacked } from "./numbers.js";
import { calibrated } from "./calibration.js";
import { listing } from "./lists.js";
import { length, squeezed } from "./types.js";

const MAX_CITATIONS = 3;
const NEAR_BEST = 0.07; // a further sentence is cited where its share is at least this part of the best one's
const MAX_ITEMS = 20; // of a list
const STANDS_OUT = 0.5; // an item with this share of the belief answers by itself
const LEAST_WORDS = 4; // in a sentence of which a copy elsewhere says the same
const SURE_SPAN = 0.5; // the probability of the words that answer from which on they are pointed out
const FUSED = 0.45; // what a point of the retriever's score counts beside the reader's,
const SIMILARITY = 6; // and what the cosine of question and sentence does
const MIDDLE = 0.5; // of those cosines
const SAID = 3; // what a sentence loses that was the answer before

export const THRESHOLD = 0.26; // of confidence, below which a question is declined unless the export says otherwise

const ABSTENTION = "The documents don't say.";

/**
 * @typedef {import("./types.js").Passage} Passage
 * @typedef {import("./types.js").Citation} Citation
 * @typedef {import("./types.js").Hit} Hit
 * @typedef {import("./lists.js").Place} Place
 * @typedef {import("./cross_encoder.js").Reading} Reading
 * @typedef {import("./retriever.js").Retrieved} Retrieved
 * @typedef {import("./retriever.js").Candidate} Candidate
 * @typedef {{candidate: number, passage: Passage, sentence: number, score: number, share: number,
 *   copies: Place[]}} Choice a sentence that may answer, with its share of the belief in all of them
 * @typedef {{readings: Reading[], scores: Float32Array[], choices: Choice[],
 *   features: import("./calibration.js").Features}} Findings choices best first
 */

/** Chooses the sentences that answer; below a confidence of `threshold` it abstains, below `sure` it is unsure. */
export class Reader {
  /**
   * @param {import("./cross_encoder.js").CrossEncoder} read
   * @param {any} calibration
   * @param {import("./store.js").Store} store
   * @param {number} threshold
   * @param {number} sure
   */
  constructor(read, calibration, store, threshold, sure) {
    this.crossEncoder = read;
    this.calibration = calibration;
    this.store = store;
    this.threshold = threshold;
    this.sure = sure;
  }

  /**
   * The answer to a question that was asked as `question`; `said` is the answer before.
   * @param {string} question
   * @param {Retrieved} retrieved
   * @param {string} said
   * @returns {Promise<import("./types.js").Answer>}
   */
  async answer(question, retrieved, said = "") {
    const found = await this.findings(retrieved, said);
    const confidence = calibrated(this.calibration, found.features);
    const abstained = confidence < this.threshold;
    const listed = this.list(retrieved, found.choices);
    const cited = listed.length ? listed : nearBest(found.choices);
    const citations = abstained ? [] : cited.map((place) => citation(place, found));
    return {
      question,
      standalone: retrieved.question,
      text: citations.map(({ quote }) => squeezed(quote)).join(" ") || ABSTENTION,
      citations,
      hits: withCited(reordered(retrieved, found.scores), cited),
      confidence,
      abstained,
      unsure: !abstained && confidence < this.sure,
      reason: abstained ? "abstained" : "",
    };
  }

  /** Read the candidates, and rank their sentences. @param {Retrieved} retrieved @param {string} said */
  async findings({ question, candidates }, said) {
    const readings = await this.crossEncoder.read(
      question,
      candidates.map(({ passage }) => passage),
    );
    const scores = this.scores(readings, candidates);
    const choices = chosen(scores, candidates, said);
    return { readings, scores, choices, features: features(readings, choices) };
  }

  /** The scores of the passages' sentences. @param {Reading[]} readings @param {Candidate[]} candidates */
  scores(readings, candidates) {
    const behind = candidates.map(({ fused }) => fused - candidates[0].fused);
    const given = candidates.map(({ similarities }, at) =>
      stacked(Array.from(similarities, (cosine) => [behind[at], cosine - MIDDLE, 1])),
    );
    const compared = this.crossEncoder.compare(readings, given);
    return readings.map(({ sentences }, at) =>
      sentences.map((score, n) => {
        const known = behind[at] * FUSED + (candidates[at].similarities[n] - MIDDLE) * SIMILARITY;
        return score + known + compared[at][n];
      }),
    );
  }

  /**
   * The lead and the items of the list that the best sentence leads to, or that several of the best are in.
   * @param {Retrieved} retrieved
   * @param {Choice[]} choices
   */
  list(retrieved, choices) {
    const [best] = choices;
    const found = listing(this.store, retrieved.candidates[best.candidate].number, best.passage, best.sentence);
    if (!found) return [];
    const { lead, items } = found;
    const isLed = lead?.sentence.text.trimEnd().endsWith(":");
    const leads = lead !== null && same(place(best), lead);
    if (leads && !isLed) return [];
    const near = nearBest(choices);
    const listed = near.filter((one) => items.some((item) => same(one, item))).length;
    const isOneOfMany = best.share < STANDS_OUT || listed === items.length;
    if (!leads && !(isOneOfMany && listed > 1 && 2 * listed > near.length)) return [];
    return [...(lead && isLed ? [lead] : []), ...items.slice(0, MAX_ITEMS)];
  }
}

/** @param {Choice} choice @returns {Place} */
const place = ({ passage, sentence }) => ({ passage, sentence: passage.sentences[sentence] });

/** @param {Place} a @param {Place} b */
const same = (a, b) => a.passage.documentId === b.passage.documentId && a.sentence.start === b.sentence.start;

/** @param {Place} of @param {Findings} found */
function citation(of, found) {
  const choice = found.choices.find((one) => same(place(one), of));
  const words = choice && found.readings[choice.candidate].span(choice.sentence);
  const isShort = words && 2 * (words[0][1] - words[0][0]) <= length(of.sentence.text);
  const span = words && words[1] >= SURE_SPAN && isShort ? words[0] : null;
  return cited(
    of,
    span,
    choice?.copies.map((copy) => cited(copy)),
  );
}

/**
 * The different sentences of all candidates, best first, with their copies.
 * @param {Float32Array[]} scores
 * @param {Candidate[]} candidates
 * @param {string} said
 * @returns {Choice[]}
 */
function chosen(scores, candidates, said) {
  const scored = candidates.flatMap(({ passage }, candidate) =>
    passage.sentences.map(({ text }, sentence) => {
      const words = squeezed(text);
      const score = scores[candidate][sentence] - (said.includes(words) ? SAID : 0);
      return { candidate, passage, sentence, score, words };
    }),
  );
  /** @type {Map<string, Place[]>} */
  const first = new Map();
  const kept = [];
  for (const { words, ...one } of scored.sort((a, b) => b.score - a.score)) {
    const copies = first.get(words);
    if (copies && words.split(" ").length >= LEAST_WORDS) {
      copies.push(place({ ...one, share: 0, copies }));
      continue;
    }
    const elsewhere = candidates[one.candidate].copies.map((passage) => ({
      passage,
      sentence: passage.sentences[one.sentence],
    }));
    if (!copies) first.set(words, elsewhere);
    kept.push({ ...one, copies: elsewhere });
  }
  const shares = softmax(kept.map(({ score }) => score));
  return kept.map((one, at) => ({ ...one, share: shares[at] }));
}

/** @param {Reading[]} readings @param {Choice[]} choices */
function features(readings, [best, ...others]) {
  const next = Math.max(...(others.length ? others.map(({ score }) => score) : [best.score - 5]));
  return {
    score: best.score,
    margin: Math.min(5, best.score - next),
    share: Math.log(best.share + 1e-4),
    whole: readings[best.candidate].whole,
    rank: Math.log1p(best.candidate),
  };
}

/** @param {Choice[]} choices */
function nearBest(choices) {
  return choices
    .slice(0, MAX_CITATIONS)
    .filter(({ share }) => share >= NEAR_BEST * choices[0].share)
    .map(place);
}

/**
 * @param {Place} place
 * @param {import("./types.js").Span | null} [span]
 * @param {Citation[]} [also]
 * @returns {Citation}
 */
function cited({ passage, sentence }, span = null, also = []) {
  const { documentId, title, heading } = passage;
  const { text: quote, start, end, page } = sentence;
  return { documentId, title, heading, quote, start, end, page, span, also };
}

/** The hits and, last, the passages that hold more of a list. @param {Hit[]} hits @param {Place[]} places */
function withCited(hits, places) {
  const isIn = (/** @type {Hit[]} */ all, /** @type {Passage} */ passage) =>
    all.some((hit) => hit.passage.documentId === passage.documentId && hit.passage.start === passage.start);
  const all = [...hits];
  for (const { passage } of places) {
    if (!isIn(all, passage)) all.push({ passage, score: hits[hits.length - 1].score });
  }
  return all;
}

/** The hits by what reading them has shown. @param {Retrieved} retrieved @param {Float32Array[]} scores */
function reordered({ candidates, further }, scores) {
  const read = candidates.map(({ passage }, at) => ({ passage, score: Math.max(...scores[at]) }));
  read.sort((a, b) => b.score - a.score);
  const least = read[read.length - 1].score;
  return [...read, ...further.map(({ passage, score }) => ({ passage, score: Math.min(score, least) }))];
}
