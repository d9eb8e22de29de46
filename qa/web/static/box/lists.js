/** A sentence that stands in a list, or leads to one → all of the list's items, as in qa/answer/lists.py. */

/**
 * @typedef {import("./types.js").Passage} Passage
 * @typedef {import("./types.js").Sentence} Sentence
 * @typedef {import("./store.js").Store} Store
 * @typedef {{passage: Passage, sentence: Sentence}} Place
 * @typedef {{lead: Place | null, items: Place[]}} Listing items in order, and the sentence before the first
 */

/**
 * The list that a sentence of the passage of this number is in or stands right before; null where there is none.
 * @param {Store} store
 * @param {number} number
 * @param {Passage} passage
 * @param {number} sentence
 * @returns {Listing | null}
 */
export function listing(store, number, passage, sentence) {
  let wanted = passage.sentences[sentence].list;
  if (!wanted) {
    const following = next(store, number, passage, sentence);
    if (!following?.opens) return null;
    wanted = following.list;
  }
  const before = run(store, number, -1, passage, wanted).reverse();
  const around = [...before, passage, ...run(store, number, 1, passage, wanted)];
  const places = around.flatMap((own) => own.sentences.map((each) => ({ passage: own, sentence: each })));
  const first = places.findIndex((place) => place.sentence.list === wanted);
  const leads = first > 0 && places[first - 1].passage.heading === places[first].passage.heading;
  const items = places.filter((place) => place.sentence.list === wanted && place.sentence.opens);
  return items.length ? { lead: leads ? places[first - 1] : null, items } : null;
}

/** @param {Store} store @param {number} number @param {Passage} passage @param {number} sentence */
function next(store, number, passage, sentence) {
  return passage.sentences[sentence + 1] ?? neighbour(store, number + 1, passage)?.sentences[0];
}

/**
 * The passages next to one that hold the list too; backwards, also the one that leads to it.
 * @param {Store} store
 * @param {number} number
 * @param {number} step
 * @param {Passage} passage
 * @param {number} wanted
 */
function run(store, number, step, passage, wanted) {
  const found = [];
  let beside;
  while ((beside = neighbour(store, number + step, passage))?.sentences.some(({ list }) => list === wanted)) {
    number += step;
    found.push(beside);
  }
  if (step < 0 && beside?.sentences.at(-1)?.list === 0) found.push(beside);
  return found;
}

/** The passage of a number, where it is of the same document. */
function neighbour(/** @type {Store} */ store, /** @type {number} */ number, /** @type {Passage} */ passage) {
  const found = store.passage(number);
  return found?.documentId === passage.documentId ? found : null;
}
