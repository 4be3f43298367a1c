// What the page shows: pure state. `update` follows the server; view.js draws it.

export const BUDGET_MS = 500;
export const STAGES = ["endpoint", "network", "wait"]; // all of the time from t0 to t3
export const IN_THE_PAUSE = ["queue", "decode", "hypothesis", "search"]; // mostly before t1

const HEARD = new Set(["partial", "final", "revised", "nothing"]);

export class Screen {
  constructor() {
    this.connection = { state: "connecting" };
    this.degree = "assistance"; // how much answers may do by themselves, as the server says
    this.unseen = null; // answer that is compared with what the person picks, and not shown
    this.mode = "off"; // as talk.js says it
    this.opening = false;
    this.dbfs = -100;
    this.speaking = false;
    this.waiting = false;
    this.source = ""; // what the hits answer: "spoken" or "typed"
    this.stable = "";
    this.tentative = "";
    this.confidence = null; // that the first hit is what was asked for
    this.hits = [];
    this.provisional = false; // hits shown while one still speaks
    this.utterance = null; // answer the hits belong to; null for a typed query's
    this.answered = null; // answer the text is of; null for a partial's
    this.timings = null;
    this.problem = null; // a key of problems.js
    this.note = "";
  }

  /** Show what the server says; `timings` are those of an answer. */
  update(message, timings = null) {
    if (this.degree === "shadow" && HEARD.has(message.type)) return this.#keepUnseen(message);
    switch (message.type) {
      case "vad":
        this.speaking = message.state === "speech";
        this.waiting = false;
        this.note = "";
        break;
      case "endpoint":
        [this.speaking, this.waiting] = [false, true];
        break;
      case "partial":
        this.#hear(message.stable, message.text.slice(message.stable.length), null);
        if (message.hits.length) this.#find(message.hits, message.utterance, true);
        break;
      case "final":
        this.waiting = false;
        this.#hear(message.text, "", message.hits.length ? message.answer_confidence : null);
        this.#find(message.hits, message.utterance, false);
        this.timings = timings;
        this.answered = message.utterance;
        break;
      case "revised":
        if (message.utterance === this.answered) this.stable = message.text;
        break;
      case "nothing":
        this.waiting = false;
        this.note = "That was no speech.";
        break;
      case "results":
        this.note = "";
        this.source = "typed";
        this.answered = null;
        this.#find(message.hits, null, false);
        this.timings = null;
        break;
      case "error":
      case "warning":
        this.waiting = false;
        this.note = [message.message, message.hint].filter(Boolean).join(". ") + ".";
        break;
    }
  }

  /** Whether anything that is said is heard at all. */
  get hears() {
    return this.degree !== "human_only";
  }

  /** Forget the answer: the box is empty again. */
  clear() {
    this.#hear("", "", null);
    this.#find([], null, false);
    this.source = "";
    this.timings = null;
  }

  get text() {
    return this.stable + this.tentative;
  }

  /** What the page is doing, in a few words. */
  get status() {
    if (this.connection.state === "lost") {
      const why = this.connection.reason || "The server is out of reach";
      return `${why}. Trying again; what you say meanwhile is kept.`;
    }
    if (this.connection.state === "connecting") return "Connecting …";
    if (this.opening) return "Opening the microphone …";
    if (this.note) return this.note;
    if (this.waiting) return "Searching …";
    if (this.speaking) return "Hearing you …";
    if (!this.hears) return "Type what you look for: nothing that is said is heard.";
    if (this.mode === "free") return "Listening. Press the microphone again to stop.";
    if (this.mode === "held") return "Listening. Let go when you have said it.";
    return "Hold the microphone to talk, or press it once to listen hands-free.";
  }

  #keepUnseen({ type, utterance }) {
    this.waiting = false;
    if (type === "final") this.unseen = utterance;
    if (type === "final") this.note = "Heard. Type or pick what you look for; only then it is compared.";
  }

  #hear(stable, tentative, confidence) {
    [this.stable, this.tentative, this.confidence] = [stable, tentative, confidence];
    this.source = "spoken";
    this.timings = this.answered = null;
  }

  #find(hits, utterance, provisional) {
    [this.hits, this.utterance, this.provisional] = [hits, utterance, provisional];
  }
}

/**
 * The stages of an answer in milliseconds, as the terminal names them: t0 the last speech, t1 the
 * endpoint, t3 the results here. `endpoint` is counted in sound and what that waited at the server,
 * the whole by the page's clock.
 */
export function stagesOf(final, endpoint, t0Ms, t3Ms) {
  const all = t3Ms - t0Ms;
  const decided = (endpoint.decided_sample - endpoint.end_sample) / 16 + endpoint.waited_ms;
  const wait = Math.min(Math.max(0, all - decided), final.timings_ms.wait ?? 0);
  const timings = { endpoint: decided, network: Math.max(0, all - decided - wait), wait };
  for (const name of IN_THE_PAUSE) timings[name] = final.timings_ms[name] ?? 0;
  return { ...timings, end_of_speech_to_results: all };
}
