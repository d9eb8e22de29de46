/** The whole of it: question → answer, as in qa/assistant.py. */
import { corrected } from "./spelling.js";
import { formulations } from "./followup.js";
import { hint, isSmallTalk } from "./small_talk.js";
import { originalOf } from "./originals.js";
import { THRESHOLD } from "./reader.js";
import { squeezed } from "./types.js";

const SURER = 0.5; // of confidence, by which a later question is a new one rather than a follow-up

/**
 * @typedef {import("./types.js").Answer} Answer
 * @typedef {import("./types.js").Citation} Citation
 */

/** Answers questions with the words of the documents that it was made from. */
export class Assistant {
  /**
   * @param {import("./store.js").Store} store
   * @param {import("./onnx_runtime.js").Encoder} encoder
   * @param {import("./terms.js").Analyzer} analyzer
   * @param {import("./retriever.js").Retriever} retriever
   * @param {import("./reader.js").Reader} reader
   * @param {import("./small_talk.js").Language[]} languages
   */
  constructor(store, encoder, analyzer, retriever, reader, languages) {
    this.store = store;
    this.encoder = encoder;
    this.analyzer = analyzer;
    this.retriever = retriever;
    this.reader = reader;
    this.languages = languages;
  }

  /**
   * Answer a question from the documents, or abstain; a follow-up is searched with what was asked before as well.
   * @param {string} question
   * @param {import("./types.js").History} history
   * @returns {Promise<Answer>}
   */
  async ask(question, history = []) {
    const answer = await this.answer(question, history);
    return { ...answer, citations: answer.citations.map((citation) => this.withSource(citation)) };
  }

  /** @param {Citation} citation @returns {Citation} */
  withSource(citation) {
    const document = this.store.document(citation.documentId);
    if (!document) return citation;
    const scanned = citation.page !== null && document.scanned.includes(citation.page);
    return { ...citation, original: originalOf(document, citation), scanned };
  }

  /** @param {string} question @param {import("./types.js").History} history @returns {Promise<Answer>} */
  async answer(question, history) {
    const topical = history.filter(([asked]) => !isSmallTalk(asked));
    const { store, analyzer, encoder } = this;
    const all = formulations(question, topical).map((text) => corrected(text, store, analyzer, encoder.tokenizer));
    const searchable = all.filter((text) => analyzer.terms(text).length);
    const [first, second] = searchable.length ? searchable : all.slice(0, 1);
    const said = hint(first, this.spoken, store, analyzer, this.languages);
    if (said) {
      return {
        question,
        standalone: question,
        ...said,
        citations: [],
        hits: [],
        confidence: 0,
        abstained: true,
        unsure: false,
      };
    }
    const previous = topical.at(-1)?.[1] ?? "";
    const alone = await this.reader.answer(question, await this.retriever.retrieve(first), previous);
    if (second === undefined) return alone;
    const later = await this.reader.answer(question, await this.retriever.retrieve(second), previous);
    const [quoted] = later.citations;
    const again = alone.confidence >= THRESHOLD && quoted && previous.includes(squeezed(quoted.quote));
    const isAlone = firstPlace(later) === firstPlace(alone) || again || later.confidence <= alone.confidence - SURER;
    return isAlone ? alone : later;
  }

  /** The languages that can be asked in: the encoder's own and the documents'; none where the encoder may know any. */
  get spoken() {
    const own = this.encoder.about.language;
    return own ? [...new Set([own, this.analyzer.language])] : [];
  }
}

/** @param {Answer} answer */
const firstPlace = ({ citations: [first] }) => first && `${first.documentId} ${first.start}`;
