/**
 * WordPiece as BERT's uncased networks read text: Devlin and others, BERT (2019); Wu and others, Google's neural
 * machine translation system (2016). Gives what the Python library `tokenizers` gives, tokens and places.
 */

const LONGEST = 100; // characters of a word; a longer one is unknown
const SPECIAL = /\[(?:PAD|UNK|CLS|SEP|MASK)\]/g;
const DROPPED = /[\0\ufffd]|[\p{Cc}\p{Cf}\p{Co}]/u;
const SPACE = /\s/u;
const PUNCTUATION = /[!-/:-@[-`{-~]|\p{P}/u;
const CHINESE = /[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\u{20000}-\u{2a6df}\u{2a700}-\u{2ceaf}\u{2f800}-\u{2fa1f}]/u;
const ACCENT = /\p{Mn}/gu;

/** @typedef {{ids: number[], offsets: import("./types.js").Span[]}} Encoding tokens and where they stand in the text */

/** Reads texts by a vocabulary, a piece a line; a piece within a word begins with ##. */
export class Tokenizer {
  /** @param {string[]} vocabulary */
  constructor(vocabulary) {
    this.numbers = new Map(vocabulary.map((piece, number) => [piece, number]));
    this.unknown = this.number("[UNK]");
  }

  /** The number of a piece. @param {string} piece */
  number(piece) {
    return /** @type {number} */ (this.numbers.get(piece));
  }

  /** The tokens of a text, without those that stand around it. @param {string} text @returns {Encoding} */
  encode(text) {
    /** @type {Encoding} */
    const found = { ids: [], offsets: [] };
    let at = 0;
    let from = 0;
    for (const match of text.matchAll(SPECIAL)) {
      at = this.read(text.slice(from, match.index), at, found);
      found.ids.push(this.number(match[0]));
      found.offsets.push([at, (at += match[0].length)]);
      from = match.index + match[0].length;
    }
    this.read(text.slice(from), at, found);
    return found;
  }

  /** Appends the tokens of a text that begins at a place; returns where it ends. */
  read(/** @type {string} */ text, /** @type {number} */ at, /** @type {Encoding} */ found) {
    /** @type {string[]} */
    let word = [];
    /** @type {number[]} */
    let places = [];
    const end = () => {
      if (word.length) this.pieces(word, places, found);
      [word, places] = [[], []];
    };
    for (const character of text) {
      const place = at++;
      if (isSpace(character)) end();
      else if (!DROPPED.test(character)) {
        for (const letter of normal(character)) {
          const alone = PUNCTUATION.test(letter) || CHINESE.test(letter);
          if (alone) end();
          word.push(letter);
          places.push(place);
          if (alone) end();
        }
      }
    }
    end();
    return at;
  }

  /** Appends the longest pieces, from the left, that a word consists of. */
  pieces(/** @type {string[]} */ word, /** @type {number[]} */ places, /** @type {Encoding} */ found) {
    const last = word.length;
    const place = (/** @type {number} */ from, /** @type {number} */ to) =>
      /** @type {import("./types.js").Span} */ ([places[from], places[to - 1] + 1]);
    const own = [];
    for (let from = 0, to; from < last; from = to) {
      let number;
      for (to = last; to > from; to--) {
        number = this.numbers.get((from ? "##" : "") + word.slice(from, to).join(""));
        if (number !== undefined) break;
      }
      if (number === undefined || last > LONGEST) {
        found.ids.push(this.unknown);
        found.offsets.push(place(0, last));
        return;
      }
      own.push({ number, span: place(from, to) });
    }
    for (const { number, span } of own) {
      found.ids.push(number);
      found.offsets.push(span);
    }
  }
}

/** @param {string} character */
const isSpace = (character) => "\t\n\r".includes(character) || (SPACE.test(character) && !DROPPED.test(character));

/** A character without accents, in lower case: none, one or several. @param {string} character */
const normal = (character) => [...character.normalize("NFD").replace(ACCENT, "")].flatMap((c) => [...c.toLowerCase()]);
