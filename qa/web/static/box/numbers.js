/** The few operations on rows of numbers that the rankings and the reader need, as numpy has them in Python. */

/** Rows of floats, one after the other. @typedef {{values: Float32Array, width: number}} Matrix */

/**
 * The inner product of a vector and another one, which begins at a place of `a`.
 * @param {ArrayLike<number>} a
 * @param {ArrayLike<number>} b
 * @param {number} [at]
 */
export function dot(a, b, at = 0) {
  let sum = 0;
  for (let i = 0; i < b.length; i++) sum += a[at + i] * b[i];
  return sum;
}

/** A row of a matrix. @param {Matrix} matrix @param {number} number */
export const row = ({ values, width }, number) => values.subarray(number * width, (number + 1) * width);

/** How many rows a matrix has. @param {Matrix} matrix */
export const height = ({ values, width }) => values.length / width;

/** A matrix of rows that have one width. @param {ArrayLike<number>[]} rows @returns {Matrix} */
export function stacked(rows) {
  const width = rows[0].length;
  const values = new Float32Array(rows.length * width);
  rows.forEach((own, at) => values.set(own, at * width));
  return { values, width };
}

/**
 * x @ weight.T + bias, of which each row of `weight` gives one number.
 * @param {Matrix} x
 * @param {Matrix} weight
 * @param {Float32Array} [bias]
 * @returns {Matrix}
 */
export function dense(x, weight, bias) {
  const width = height(weight);
  const values = new Float32Array(height(x) * width);
  for (let i = 0; i < height(x); i++) {
    const own = row(x, i);
    for (let j = 0; j < width; j++)
      values[i * width + j] = dot(weight.values, own, j * weight.width) + (bias?.[j] ?? 0);
  }
  return { values, width };
}

/** The sum of two matrices. @param {Matrix} a @param {Matrix} b @returns {Matrix} */
export const added = (a, b) => ({ values: a.values.map((value, at) => value + b.values[at]), width: a.width });

/** @param {ArrayLike<number>} values */
export const mean = (values) => Array.from(values).reduce((a, b) => a + b, 0) / values.length;

/** How far the values are from their mean, and their deviation. @param {ArrayLike<number>} values */
export function deviations(values) {
  const middle = mean(values);
  const above = Float64Array.from(values, (value) => value - middle);
  return { above, deviation: Math.sqrt(mean(above.map((value) => value * value))) };
}

/** Each score's share of the sum of their powers. @param {ArrayLike<number>} scores */
export function softmax(scores) {
  const most = Math.max(...Array.from(scores));
  const powers = Float64Array.from(scores, (score) => Math.exp(score - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}

/** The numbers of the greatest scores, best first, of equal ones the first. @param {ArrayLike<number>} scores */
export const order = (scores) => Array.from(scores, (_, at) => at).sort((a, b) => scores[b] - scores[a]);

/** A vector of length 1. @param {Float32Array} vector */
export function unit(vector) {
  const norm = Math.max(Math.sqrt(dot(vector, vector)), 1e-12);
  return vector.map((value) => value / norm);
}
