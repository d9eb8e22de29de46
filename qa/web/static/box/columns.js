/** The vectors of passages and of their sentences, as in qa/index/local/columns.py. */

const ONE = 32767; // what 1 is in a passage's vector

/** Vectors of passages in 16 bits a component, of their sentences in 8 bits with a scale for each. */
export class Parts {
  /**
   * @param {{vectors: Int16Array, sentences: Int8Array, scales: Float32Array, first_sentences: Int32Array}} columns
   * @param {number} dimension
   */
  constructor(columns, dimension) {
    this.columns = columns;
    this.dimension = dimension;
  }

  /** How many passages there are. */
  get size() {
    return this.columns.first_sentences.length - 1;
  }

  /** The cosine of a vector and each passage. @param {Float32Array} vector */
  dense(vector) {
    const { dimension, columns } = this;
    return Float32Array.from({ length: this.size }, (_, n) => product(columns.vectors, vector, n * dimension) / ONE);
  }

  /** The cosine of a vector and each sentence of a passage. @param {number} number @param {Float32Array} vector */
  similarities(number, vector) {
    const { first_sentences: first, sentences, scales } = this.columns;
    const cosines = new Float32Array(first[number + 1] - first[number]);
    return cosines.map((_, at) => {
      const sentence = first[number] + at;
      return product(sentences, vector, sentence * this.dimension) * scales[sentence];
    });
  }
}

/** @param {Int16Array | Int8Array} kept @param {Float32Array} vector @param {number} at */
function product(kept, vector, at) {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += kept[at + i] * vector[i];
  return sum;
}
