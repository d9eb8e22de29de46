/**
 * What crosses the seams between the steps, as in qa/types.py. Offsets are characters, code points of a document's
 * text, half open.
 *
 * @typedef {[number, number]} Span
 * @typedef {{id: string, title: string, text: string, address: string, scanned: number[], blocks: Block[]}} Document
 * @typedef {{kind: string, start: number, end: number, level: number, list: number, anchor: string}} Block
 * @typedef {{start: number, end: number, text: string, list: number, opens: boolean, page: number | null}} Sentence
 * @typedef {{documentId: string, title: string, heading: string, start: number, end: number, text: string,
 *   sentences: Sentence[]}} Passage
 * @typedef {{passage: Passage, score: number}} Hit
 * @typedef {{documentId: string, title: string, heading: string, quote: string, start: number, end: number,
 *   page: number | null, span: Span | null, also: Citation[], original?: string, scanned?: boolean}} Citation
 * @typedef {{question: string, standalone: string, text: string, citations: Citation[], hits: Hit[],
 *   confidence: number, abstained: boolean, unsure: boolean, reason: string,
 *   languages?: string[]}} Answer
 * @typedef {[string, string][]} History questions as they were searched, and their answers, oldest first
 */

/** A text by its characters, which JavaScript counts otherwise than Python where they are beyond the first plane. */
export class Characters {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
    this.points = /[\ud800-\udfff]/.test(text) ? [...text] : null;
  }

  /** @param {number} start @param {number} [end] */
  slice(start, end) {
    return this.points ? this.points.slice(start, end).join("") : this.text.slice(start, end);
  }
}

/** How many characters a text has. @param {string} text */
export const length = (text) => [...text].length;

/** A text with single spaces, as Python's " ".join(text.split()). @param {string} text */
export const squeezed = (text) => text.trim().replace(/\s+/g, " ");
