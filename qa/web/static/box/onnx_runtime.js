/** The networks in ONNX Runtime, as in qa/encoder/onnx_runtime.py. */
import { unit } from "./numbers.js";

const TOKENS = 2048; // in one pass of the network at most, padding counted
const PADDING = 32; // of those: more would cost more than another pass

/** @typedef {import("./numbers.js").Matrix} Matrix */

/** A network that embeds tokens. */
export class OnnxNetwork {
  /** @param {any} ort @param {any} session @param {string[]} inputs */
  constructor(ort, session, inputs) {
    this.ort = ort;
    this.session = session;
    this.inputs = inputs;
  }

  /**
   * The embeddings of each text's tokens from their ids. `second` is where in each text a second one begins.
   * @param {number[][]} texts
   * @param {number} [second]
   * @returns {Promise<Matrix[]>}
   */
  async embed(texts, second) {
    /** @type {Matrix[]} */
    const found = [];
    for (const batch of batches(texts.map(({ length }) => length))) {
      const longest = Math.max(...batch.map((number) => texts[number].length));
      const run = await this.session.run(
        this.feeds(
          batch.map((number) => texts[number]),
          longest,
          second,
        ),
      );
      const { data, dims } = run[this.session.outputNames[0]];
      const width = dims[2];
      batch.forEach((number, at) => {
        const from = at * longest * width;
        found[number] = { values: data.slice(from, from + texts[number].length * width), width };
      });
    }
    return found;
  }

  /** @param {number[][]} texts @param {number} longest @param {number} [second] */
  feeds(texts, longest, second) {
    const size = texts.length * longest;
    /** @type {Record<string, BigInt64Array>} */
    const arrays = Object.fromEntries(this.inputs.map((name) => [name, new BigInt64Array(size)]));
    texts.forEach((ids, at) => {
      const from = at * longest;
      ids.forEach((id, place) => (arrays.input_ids[from + place] = BigInt(id)));
      arrays.attention_mask.fill(1n, from, from + ids.length);
      if (second !== undefined) arrays.token_type_ids.fill(1n, from + second, from + ids.length);
    });
    const tensor = (/** @type {BigInt64Array} */ values) =>
      new this.ort.Tensor("int64", values, [texts.length, longest]);
    return Object.fromEntries(Object.entries(arrays).map(([name, values]) => [name, tensor(values)]));
  }
}

/** Encodes questions as unit vectors. */
export class Encoder {
  /**
   * @param {OnnxNetwork} network
   * @param {import("./tokenizer.js").Tokenizer} tokenizer
   * @param {{max_tokens: number, language: string, pooling: string, query: string}} about
   */
  constructor(network, tokenizer, about) {
    this.network = network;
    this.tokenizer = tokenizer;
    this.about = about;
  }

  /** The unit vector of a question. @param {string} text */
  async encodeQuestion(text) {
    const { ids } = this.tokenizer.encode(this.about.query + text);
    const around = ["[CLS]", "[SEP]"].map((piece) => this.tokenizer.number(piece));
    const read = [around[0], ...ids.slice(0, this.about.max_tokens - 2), around[1]];
    const [tokens] = await this.network.embed([read]);
    return unit(this.about.pooling === "cls" ? tokens.values.slice(0, tokens.width) : meanRow(tokens));
  }
}

/** The mean of a matrix's rows. @param {Matrix} matrix */
function meanRow({ values, width }) {
  const sums = new Float64Array(width);
  values.forEach((value, at) => (sums[at % width] += value));
  return Float32Array.from(sums, (sum) => (sum * width) / values.length);
}

/**
 * The numbers of the texts that go through the network together, by their tokens: of about one length.
 * @param {number[]} lengths
 */
export function batches(lengths) {
  /** @type {number[][]} */
  const found = [];
  let padding = 0;
  for (const number of [...lengths.keys()].sort((a, b) => lengths[b] - lengths[a])) {
    const batch = found.at(-1);
    const longest = batch ? lengths[batch[0]] : 0;
    padding += longest - lengths[number];
    if (!batch || padding > PADDING || (batch.length + 1) * longest > TOKENS) {
      found.push([number]);
      padding = 0;
    } else batch.push(number);
  }
  return found;
}
