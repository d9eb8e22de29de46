/** Answer → the JSON that the widget shows, as qa/answer/schema.py writes it. */

/**
 * An answer as plain values; `tookMs` is how long it took, in milliseconds.
 * @param {import("./types.js").Answer} answer
 * @param {number} tookMs
 */
export function payload(answer, tookMs) {
  return {
    question: answer.question,
    standalone: answer.standalone,
    answer: answer.text,
    abstained: answer.abstained,
    confidence: rounded(answer.confidence, 4),
    unsure: answer.unsure,
    citations: answer.citations.map((c) => ({
      quote: c.quote,
      ...place(c),
      ...(c.original && { original: c.original }),
      scanned: Boolean(c.scanned),
      ...(c.span && { span: c.span }),
      ...(c.also.length && { also: c.also.map(place) }),
    })),
    hits: answer.hits.map(({ passage, score }) => ({
      ...place({ ...passage, page: passage.sentences[0]?.page ?? null }),
      text: passage.text,
      score: rounded(score, 4),
    })),
    took_ms: rounded(tookMs, 1),
    ...(answer.reason && { reason: answer.reason }),
    ...(answer.languages?.length && { languages: answer.languages }),
  };
}

/** @param {{documentId: string, title: string, heading: string, start: number, end: number, page: number | null}} at */
function place({ documentId, title, heading, start, end, page }) {
  const where = { document: documentId, title, heading, start, end, url: sourceUrl(documentId, start, end) };
  return page === null ? where : { ...where, page };
}

/** @param {number} value @param {number} digits */
const rounded = (value, digits) => Number(value.toFixed(digits));

/**
 * Where a document is shown with a stretch of it marked, from the export's page.
 * @param {string} documentId
 * @param {number} start
 * @param {number} end
 */
export const sourceUrl = (documentId, start, end) =>
  `#source/${encodeURIComponent(documentId)}?start=${start}&end=${end}`;
