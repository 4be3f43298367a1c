// When the microphone's sound is sent: while it is held, or all the time hands-free. No I/O.

import { RATE_HZ } from "./resample.js";

const PRE_ROLL_BLOCKS = 10; // 320 ms: people begin to speak as they press
const TAIL_SAMPLES = 0.25 * RATE_HZ; // and let go as they say the last syllable
export const TAP_MS = 300; // a press shorter than that means hands-free

/** `send(block)` gets the sound, `flush()` the end of it. */
export class Talk {
  constructor({ send, flush }) {
    Object.assign(this, { send, flush });
    this.mode = "off"; // "held", "tail" and "free"
    this.recent = [];
    this.left = 0;
    this.pressedMs = 0;
    this.wasFree = false;
  }

  get isOn() {
    return this.mode !== "off";
  }

  /** The button goes down. */
  press(nowMs) {
    this.wasFree = this.mode === "free";
    this.pressedMs = nowMs;
    if (!this.wasFree) this.#begin("held");
  }

  /** The button comes up; `opened` is false where the microphone was not open yet by then. */
  release(nowMs, opened = true) {
    if (this.wasFree) this.stop();
    else if (this.mode === "held") {
      if (nowMs - this.pressedMs < TAP_MS || !opened) this.mode = "free";
      else [this.mode, this.left] = ["tail", TAIL_SAMPLES];
    }
  }

  /** Hands-free on or off. */
  toggle() {
    if (this.mode === "free") this.stop();
    else this.#begin("free");
  }

  /** Send no more. */
  stop() {
    if (this.isOn) this.flush();
    this.mode = "off";
    this.wasFree = false;
  }

  /** A block was heard. */
  hear(block) {
    if (!this.isOn) {
      this.recent.push(block);
      if (this.recent.length > PRE_ROLL_BLOCKS) this.recent.shift();
      return;
    }
    this.send(block);
    if (this.mode !== "tail") return;
    this.left -= block.pcm.length;
    if (this.left <= 0) this.stop();
  }

  /** The microphone was closed: what was heard before does not join what comes. */
  forget() {
    this.recent = [];
    this.stop();
  }

  #begin(mode) {
    this.mode = mode;
    for (const block of this.recent.splice(0)) this.send(block);
  }
}
