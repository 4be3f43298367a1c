// The socket: connects, comes back with backoff, lets the session say what has to be sent again.

import { PROTOCOL } from "./session.js";
import { RATE_HZ } from "./resample.js";

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5000;
const STABLE_MS = 10_000; // a connection that held this long was a good one
const DEAF_MS = 8000; // sound goes out and nothing comes back: the line is dead
const WATCH_MS = 1000;

/** Calls `onmessage(message)` and `onstate({state, message, retryMs})`: connected, lost, token. */
export class Connection {
  constructor(url, session, { onmessage, onstate }) {
    Object.assign(this, { url, session, onmessage, onstate });
    this.retryMs = FIRST_RETRY_MS;
    this.socket = null;
    this.greeted = false;
    setInterval(() => this.#watch(), WATCH_MS);
    addEventListener("online", () => this.timer && this.connect());
  }

  connect() {
    clearTimeout(this.timer);
    this.timer = null;
    this.socket?.close();
    const socket = new WebSocket(this.url, PROTOCOL);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.greeted = false;
    this.reason = "";
    this.beganMs = this.heardMs = performance.now();
    socket.onopen = () => socket.send(this.session.hello());
    socket.onmessage = ({ data }) => socket === this.socket && this.#receive(data);
    socket.onclose = () => socket === this.socket && this.#lose();
  }

  /** Send a frame now; whether there was a connection. What was not sent the session replays. */
  send(frame) {
    if (!this.greeted || frame === null) return false;
    this.socket.send(frame);
    return true;
  }

  #receive(text) {
    this.heardMs = performance.now();
    const message = this.session.receive(text);
    if (message.type === "ready") {
      this.greeted = true;
      for (const frame of this.session.welcome(message)) this.socket.send(frame);
      this.onstate({ state: "connected", message });
    }
    if (message.type === "error" && message.fatal) this.reason = message;
    else this.onmessage(message);
  }

  #lose() {
    this.socket = null;
    this.greeted = false;
    if (this.reason.code === "unauthorized") {
      this.onstate({ state: "token" });
      return;
    }
    if (performance.now() - this.beganMs > STABLE_MS) this.retryMs = FIRST_RETRY_MS;
    const wait = this.retryMs * (0.8 + 0.4 * Math.random());
    this.retryMs = Math.min(LAST_RETRY_MS, 2 * this.retryMs);
    this.timer = setTimeout(() => this.connect(), wait);
    this.onstate({ state: "lost", message: this.reason, retryMs: wait });
  }

  #watch() {
    const owed = this.greeted && this.session.unacknowledged > RATE_HZ;
    if (owed && performance.now() - this.heardMs > DEAF_MS) {
      const socket = this.socket;
      socket.close();
      this.#lose();
    }
  }
}
