/** Words → stems. */
/** @type {Record<string, (word: string) => string>} */
export const stemmers = {};
