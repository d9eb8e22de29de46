/** Answers questions in a worker, so that the page never stalls. Its first message says where the parts are. */
import { Analyzer } from "./terms.js";
import { Assistant } from "./assistant.js";
import { CrossEncoder } from "./cross_encoder.js";
import { Encoder, OnnxNetwork } from "./onnx_runtime.js";
import { Reader } from "./reader.js";
import { Retriever } from "./retriever.js";
import { Store } from "./store.js";
import { Tokenizer } from "./tokenizer.js";
import { payload } from "./schema.js";

const MOST_THREADS = 4;
const KINDS = { int8: Int8Array, int16: Int16Array, int32: Int32Array, float32: Float32Array };

/**
 * @typedef {{ort: string, parts: Record<string, string | Blob>}} Places of ONNX Runtime and of the parts
 * @typedef {{id: number, question?: string, history?: import("./types.js").History, document?: string}} Request
 */

/** @type {Promise<{assistant: Assistant, store: Store}> | undefined} */
let opened;

self.onmessage = async ({ data }) => {
  opened ??= open(data);
  const { id, question, history, document } = data;
  try {
    const { assistant, store } = await opened;
    if (id === undefined) self.postMessage({ ready: true });
    else if (document !== undefined) self.postMessage({ id, value: store.document(document) });
    else {
      const begin = performance.now();
      const answer = await assistant.ask(question, history);
      self.postMessage({ id, value: payload(answer, performance.now() - begin) });
    }
  } catch (error) {
    self.postMessage({ id, error: String(error) });
  }
};

/** @param {Places} places */
async function open({ ort: address, parts }) {
  const names = ["index", "arrays", "weights", "encoder", "reader", "runtime"];
  const [ort, text, arrays, weights, encoder, reader, runtime] = await Promise.all([
    Reflect.get(globalThis, "modules")?.["ort.js"] ?? import(address),
    ...names.map((name) => bytes(parts[name])),
  ]);
  const index = JSON.parse(new TextDecoder().decode(text));
  ort.env.wasm.wasmBinary = runtime.buffer;
  const canShare = self.crossOriginIsolated && address?.startsWith(self.location.origin); // memory, with more workers
  ort.env.wasm.numThreads = canShare ? Math.min(MOST_THREADS, navigator.hardwareConcurrency) : 1;
  const network = async (/** @type {Uint8Array} */ graph) => {
    const options = { executionProviders: ["wasm"], externalData: [{ path: "shared.bin", data: weights }] };
    return new OnnxNetwork(ort, await ort.InferenceSession.create(graph, options), index.encoder.inputs);
  };
  const tokenizer = new Tokenizer(index.vocabulary);
  const { columns, heads } = numbers(index.arrays, arrays.buffer);
  const store = new Store(index, columns, index.encoder.dimension);
  const known = new Map(Object.entries(index.words).map(([word, term]) => [word, index.terms[term] ?? ""]));
  const analyzer = new Analyzer(index.language, index.stop, known);
  const encodes = new Encoder(await network(encoder), tokenizer, index.encoder);
  const reads = new CrossEncoder(await network(reader), tokenizer, heads);
  const answers = new Reader(reads, index.calibration, store, index.threshold, index.sure);
  const retriever = new Retriever(store, encodes, analyzer);
  return { assistant: new Assistant(store, encodes, analyzer, retriever, answers, index.languages), store };
}

/** The bytes of a part, which is packed, and written as text where it stands in a page. @param {string | Blob} part */
async function bytes(part) {
  const packed = part instanceof Blob ? decoded(await part.text()) : await loaded(part);
  if (packed[0] !== 0x1f || packed[1] !== 0x8b) return packed; // the server has said how it is packed
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** @param {string} address */
async function loaded(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} can't be loaded (${response.status})`);
  return new Uint8Array(await response.arrayBuffer());
}

/** @param {string} text in base64 */
function decoded(text) {
  const characters = atob(text);
  const found = new Uint8Array(characters.length);
  for (let at = 0; at < found.length; at++) found[at] = characters.charCodeAt(at);
  return found;
}

/**
 * The columns of the store and the reader's heads. Each has its kind, where it begins, its size, and how many numbers
 * are in a row.
 * @param {Record<string, [keyof typeof KINDS, number, number, number]>} places
 * @param {ArrayBuffer} buffer
 */
function numbers(places, buffer) {
  /** @type {Record<string, any>} */
  const columns = {};
  /** @type {Record<string, import("./numbers.js").Matrix>} */
  const heads = {};
  for (const [name, [kind, offset, size, width]] of Object.entries(places)) {
    const values = new KINDS[kind](buffer, offset, size);
    if (name.includes(".")) heads[name] = { values: /** @type {Float32Array} */ (values), width };
    else columns[name] = values;
  }
  return { columns, heads };
}
