/**
 * Words → stems, by Snowball's rules for English (Porter2), as PyStemmer has them: snowballstem.org/algorithms.
 * Documents in another language bring the stems of their own words along; other words of it are left as they are.
 */

const DOUBLE = /(bb|dd|ff|gg|mm|nn|pp|rr|tt)$/;
const SHORT = /(?:[^aeiouy][aeiouy][^aeiouywxY]|^[aeiouy][^aeiouy]|^past)$/; // how a short syllable ends a word
const REGION = /^(?:gener|commun|arsen|past|univers|later|emerg|organ|inter)|[aeiouy][^aeiouy]/;

/** @type {Map<string, string>} */
const IRREGULAR = new Map(
  /** @type {[string, string][]} */ ([
    ...[
      ["skis", "ski"],
      ["skies", "sky"],
      ["idly", "idl"],
      ["gently", "gentl"],
      ["ugly", "ugli"],
      ["early", "earli"],
    ],
    ...[
      ["only", "onli"],
      ["singly", "singl"],
    ],
    ...["sky", "news", "howe", "atlas", "cosmos", "bias", "andes"].map((word) => [word, word]),
  ]),
);
const KEPT = /^(?:(?:inn|out|cann|herr|earr|even)ing|(?:proc|exc|succ)eed)$/; // after the first step

/** Endings and what they become, in the order in which they are looked for. @typedef {[RegExp, string][]} Rules */

/** @type {Rules} */
const SECOND = [
  [/ization$|izer$/, "ize"],
  [/ational$|ation$|ator$/, "ate"],
  [/tional$/, "tion"],
  [/enci$/, "ence"],
  [/anci$/, "ance"],
  [/abli$/, "able"],
  [/entli$/, "ent"],
  [/alism$|aliti$|alli$/, "al"],
  [/fulness$|fulli$/, "ful"],
  [/ousli$|ousness$/, "ous"],
  [/iveness$|iviti$/, "ive"],
  [/biliti$|bli$/, "ble"],
  [/ogist$/, "og"],
  [/(?<=l)ogi$/, "og"],
  [/lessli$/, "less"],
  [/(?<=[cdeghkmnrt])li$/, ""],
];

/** @type {Rules} */
const THIRD = [
  [/ational$/, "ate"],
  [/tional$/, "tion"],
  [/alize$/, "al"],
  [/icate$|iciti$|ical$/, "ic"],
  [/ful$|ness$/, ""],
];

const FOURTH = /(?:ement|ment|ent|ance|ence|able|ible|al|er|ic|ant|ism|ate|iti|ous|ive|ize|(?<=[st])ion)$/;

/** The stem of an English word in lower case. @param {string} word */
function english(word) {
  const irregular = IRREGULAR.get(word);
  if (irregular) return irregular;
  if ([...word].length < 3) return word;
  let stem = "";
  for (const letter of word.replace(/^'/, "")) stem += letter === "y" && /^$|[aeiouy]$/.test(stem) ? "Y" : letter;
  const first = region(stem, 0);
  const second = region(stem, first);
  /** @param {RegExp} ending @param {number} from */
  const endsFrom = (ending, from) => {
    const at = stem.search(ending);
    return at >= 0 && at >= from;
  };
  stem = plural(stem);
  if (KEPT.test(stem)) return stem;
  stem = participle(stem, first);
  stem = stem.replace(/(?<=.[^aeiouy])[yY]$/, "i");
  stem = replaced(stem, SECOND, first);
  stem = /ative$/.test(stem)
    ? stem.replace(/ative$/, endsFrom(/ative$/, second) ? "" : "ative")
    : replaced(stem, THIRD, first);
  if (endsFrom(FOURTH, second)) stem = stem.replace(FOURTH, "");
  if (endsFrom(/e$/, second) || (endsFrom(/e$/, first) && !SHORT.test(stem.slice(0, -1)))) stem = stem.slice(0, -1);
  else if (endsFrom(/l$/, second) && /ll$/.test(stem)) stem = stem.slice(0, -1);
  return stem.replaceAll("Y", "y");
}

/** Where the region behind the first vowel and consonant begins. @param {string} stem @param {number} from */
function region(stem, from) {
  const rest = stem.slice(from);
  const match = rest.match(from ? /[aeiouy][^aeiouy]/ : REGION);
  return match ? from + /** @type {number} */ (match.index) + match[0].length : stem.length;
}

/** @param {string} stem */
function plural(stem) {
  stem = stem.replace(/(?:'s'|'s|')$/, "");
  if (/sses$/.test(stem)) return stem.slice(0, -2);
  if (/ie[ds]$/.test(stem)) return stem.slice(0, stem.length > 4 ? -2 : -1);
  if (/[us]s$/.test(stem)) return stem;
  return /[aeiouy].+s$/.test(stem) ? stem.slice(0, -1) : stem;
}

/** @param {string} stem @param {number} first */
function participle(stem, first) {
  const agreed = stem.match(/eed(?:ly)?$/);
  if (/^(?:proc|exc|succ)eed(?:ly)?$/.test(stem)) return stem;
  if (agreed) return /** @type {number} */ (agreed.index) >= first ? stem.slice(0, agreed.index) + "ee" : stem;
  const ending = stem.match(/(?:ed|edly|ing|ingly)$/);
  if (!ending) return stem;
  const rest = stem.slice(0, ending.index);
  if (/^[^aeiouy]y$/.test(rest) && ending[0] === "ing") return `${rest[0]}ie`;
  if (!/[aeiouy]/.test(rest)) return stem;
  if (/(?:at|bl|iz)$/.test(rest)) return `${rest}e`;
  if (DOUBLE.test(rest)) return /^[aeo]..$/.test(rest) ? rest : rest.slice(0, -1);
  return first >= rest.length && SHORT.test(rest) ? `${rest}e` : rest;
}

/** A word whose longest ending that a rule has is replaced, where it is in the region. */
function replaced(/** @type {string} */ stem, /** @type {Rules} */ rules, /** @type {number} */ from) {
  for (const [ending, other] of rules) {
    const at = stem.search(ending);
    if (at >= 0) return at >= from ? stem.slice(0, at) + other : stem;
  }
  return stem;
}

/** @type {Record<string, (word: string) => string>} */
export const stemmers = { en: english };
