/** What isn't a question that can be searched → a word on what can be asked, as in qa/question/small_talk.py. */
import { WORD, fold, words } from "./terms.js";

const GREETING = new RegExp(
  "^(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|greetings|hallo|guten (?:morgen|tag|abend)|hola" +
    "|buenos dias|bonjour|salut|ciao|ola|hej|merhaba|привет|здравствуи(?:те)?|добрыи (?:день|вечер))" +
    "(?: (?:there|all|everyone|everybody|again|you))?$",
);
const THANKS = new RegExp(
  "^(?:(?:ok|okay|great|good|nice|perfect|cool|super) )?" +
    "(?:thanks?|thank you|thx|cheers|danke|vielen dank|gracias|merci|grazie|obrigad[oa]|tack|tak|спасибо)" +
    "(?: (?:a lot|so much|very much|again|you|all|for (?:that|this|your help)|schon|sehr|большое))*$",
);
const FAREWELL = /^(?:good ?bye|bye(?: bye)?|see you(?: later)?|tschuss|adios|au revoir|пока|до свидания)$/;
const CYRILLIC = ["ru"]; // languages that aren't written in Latin letters
const SURELY = 3; // stop words of another language tell it from a name of that language
const FEWEST = 3; // words in Latin letters that a language can be told from

/**
 * @typedef {{code: string, name: string, stop: string[]}} Language
 * @typedef {import("./store.js").Store} Store
 */

/**
 * What to say instead of searching, and why; null where the question can be searched.
 * @param {string} question
 * @param {string[]} languages the codes of those that can be asked in, any where there are none
 * @param {Store} store
 * @param {import("./terms.js").Analyzer} analyzer
 * @param {Language[]} all
 */
export function hint(question, languages, store, analyzer, all) {
  const said = spoken(question);
  const terms = [...new Set(analyzer.terms(question))];
  if (GREETING.test(said)) return { reason: "greeting", text: `Hello! ${invitation(store)}` };
  if (THANKS.test(said)) return { reason: "thanks", text: `You’re welcome. ${invitation(store)}` };
  if (FAREWELL.test(said)) return { reason: "farewell", text: "Goodbye!" };
  if (!terms.length) return { reason: "empty", text: `There is no word in that to search for. ${invitation(store)}` };
  const isKnown = () => 2 * terms.filter((term) => store.known(term)).length >= terms.length;
  if (languages.length && isForeign(question, languages, isKnown, all)) {
    const named = languages.map((code) => all.find((one) => one.code === code)?.name ?? code).join(" or ");
    return { reason: "foreign", text: `That doesn’t seem to be in ${named}: ask these documents in ${named}.`, languages };
  }
  return null;
}

/** Whether a question is a greeting, thanks or a farewell alone. @param {string} question */
export function isSmallTalk(question) {
  return [GREETING, THANKS, FAREWELL].some((pattern) => pattern.test(spoken(question)));
}

/**
 * Whether a question is clearly in none of these languages, by its stop words or else its letters. Python tells
 * languages of the same letters apart by more than that, with a table that would be half as large as a network.
 *
 * @param {string} question
 * @param {string[]} languages
 * @param {() => boolean} isKnown whether most of its words are known here
 * @param {Language[]} all
 */
function isForeign(question, languages, isKnown, all) {
  const own = words(question).map((word) => word.toLowerCase());
  if (own.length < FEWEST && /[a-z]/.test(fold(question))) return false;
  const counts = new Map(all.map(({ code, stop }) => [code, own.filter((word) => stop.includes(word)).length]));
  const mine = Math.max(...languages.map((code) => counts.get(code) ?? 0));
  const others = Math.max(0, ...counts.values());
  const isOther = others >= SURELY && others > 2 * mine;
  if (isOther || (mine === others && others > 0) || isKnown()) return isOther;
  const script = languages.every((code) => CYRILLIC.includes(code)) ? /\p{Script=Cyrillic}/u : /\p{Script=Latin}/u;
  return !script.test(question);
}

/** @param {string} question */
const spoken = (question) => (fold(question).match(WORD) ?? []).join(" ");

/** @param {Store} store */
function invitation({ topics }) {
  const named = topics.map((topic) => `“${topic}”`).join(" or ");
  return `Ask these documents a question${named && `, for instance about ${named}`}.`;
}
