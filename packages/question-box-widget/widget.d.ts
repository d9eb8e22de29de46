/** Options of <qa-box> and of the script's tag, as attributes. */
export interface QuestionBoxOptions {
  "data-title"?: string;
  "data-placeholder"?: string;
  "data-greeting"?: string;
  /** Questions to begin with, parted by "|". */
  "data-examples"?: string;
  /** By default the page's, or the system's where the page declares none. */
  "data-theme"?: "light" | "dark" | "auto";
  /** A CSS colour. */
  "data-accent"?: string;
  "data-position"?: "bottom-right" | "bottom-left";
  /** By default the page's language. */
  "data-lang"?: "en" | "ru" | "de" | "es" | (string & {});
  /** The address of a picture. */
  "data-logo"?: string;
  /** The path of the document or folder that is asked first. */
  "data-context"?: string;
  /** The JSON of a QuestionBoxWords. */
  "data-words"?: string;
  /** "off": the conversation ends with the page. */
  "data-remember"?: "off" | (string & {});
  "data-token"?: string;
  /** The server's address, by default the script's. */
  "data-server"?: string;
  /** The address of the box.json of an export, which answers without a server. */
  "data-index"?: string;
  /** The name of a collection on the server. */
  "data-collection"?: string;
}

type Word =
  | "title" | "greeting" | "placeholder" | "send" | "close" | "clear" | "copy" | "up" | "down" | "edit"
  | "searched" | "searching" | "unsure" | "also" | "scanned" | "page" | "recording" | "nearest" | "marked" | "source"
  | "retry" | "error" | "offline" | "loading" | "wait" | "forbidden"
  | "said_abstained" | "said_greeting" | "said_thanks" | "said_farewell" | "said_empty" | "said_foreign"
  | "language";

/** What the box says, by key; "language" is the code of the language that it is in. "{n}" stands for a number or names. */
export type QuestionBoxWords = Partial<Record<Word, string>>;

/** A place in a document; start and end count code points. */
export interface Place {
  document: string;
  title: string;
  heading: string;
  start: number;
  end: number;
  /** From the server's root. */
  url: string;
  page?: number;
}

export interface Citation extends Place {
  quote: string;
  /** The words in the quote that answer. */
  span?: [number, number];
  original?: string;
  scanned?: boolean;
  also?: Place[];
}

export interface Hit extends Place {
  text: string;
  score: number;
}

export interface Answer {
  question: string;
  standalone: string;
  answer: string;
  abstained: boolean;
  /** The probability that the first citation answers. */
  confidence: number;
  unsure: boolean;
  citations: Citation[];
  hits: Hit[];
  took_ms: number;
  reason?: "abstained" | "greeting" | "thanks" | "farewell" | "empty" | "foreign";
  examples?: string[];
  languages?: string[];
}

export interface QuestionBoxEvents {
  "qa-open": CustomEvent<null>;
  "qa-answer": CustomEvent<Answer>;
  "qa-error": CustomEvent<{ question: string; message: string }>;
}

/** <qa-box>. Its methods are there once it is in the page and defined. */
export interface QuestionBoxElement extends HTMLElement {
  /** Opens the panel of the floating box and puts the focus into the field. */
  open(): void;
  /** Closes the panel of the floating box. */
  close(): void;
  /** Opens the box and asks; without an answer if it fails, is cleared, or another question is still being answered. */
  ask(question: string): Promise<Answer | undefined>;
  /** Ends the conversation. */
  clear(): void;
  addEventListener<Name extends keyof QuestionBoxEvents>(
    name: Name,
    listener: (event: QuestionBoxEvents[Name]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    name: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "qa-box": QuestionBoxElement;
  }
}
