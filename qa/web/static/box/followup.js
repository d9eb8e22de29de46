/** A question in its conversation → the ways to search it, as in qa/question/followup.py. */
import { Characters, length } from "./types.js";

const MAX_QUESTION = 300; // characters; a longer question brings its own context
const EARLIER = 2; // questions that a follow-up may be about
const SEARCHED = /^([^]*\S) \([^]*\)$/; // a follow-up as it was searched

/**
 * The question as it is and, where others were asked before, with those in brackets, the last one first.
 * @param {string} question
 * @param {import("./types.js").History} history
 */
export function formulations(question, history) {
  const asked = history.map(([earlier]) => earlier).filter((earlier) => earlier.trim());
  const earlier = asked.slice(-EARLIER).map((text) => new Characters(own(text)).slice(0, MAX_QUESTION));
  if (!earlier.length || length(question) > MAX_QUESTION) return [question];
  return [question, `${question} (${earlier.reverse().join("; ")})`];
}

/** @param {string} asked */
const own = (asked) => asked.trim().match(SEARCHED)?.[1] ?? asked.trim();
