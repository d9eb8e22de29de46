/** What the reader found → the probability that its first quote answers, as in qa/answer/calibration.py. */

const FEATURES = /** @type {const} */ (["score", "margin", "share", "whole", "rank"]);

/** @typedef {Record<typeof FEATURES[number], number>} Features */

/**
 * The probability that a first quote with these features answers.
 * @param {Features & {intercept: number}} weights
 * @param {Features} features
 */
export function calibrated(weights, features) {
  const logOdds = FEATURES.reduce((sum, name) => sum + weights[name] * features[name], weights.intercept);
  return 1 / (1 + Math.exp(-Math.max(-30, Math.min(30, logOdds))));
}
