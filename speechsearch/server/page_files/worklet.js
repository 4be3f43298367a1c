// Runs beside the audio device: takes what it heard at its own rate, hands on blocks at 16 kHz.

import { RATE_HZ, Resampler, toPcm } from "./resample.js";

const BLOCK_SAMPLES = 512; // 32 ms: what the speech detector hears at a time

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.resampler = new Resampler(Math.round(sampleRate));
    this.block = new Float32Array(BLOCK_SAMPLES);
    this.filled = 0;
    this.silent = new Float32Array(128);
  }

  process(inputs) {
    const heard = this.resampler.push(inputs[0][0] ?? this.silent);
    for (const sample of heard) {
      this.block[this.filled++] = sample;
      if (this.filled === BLOCK_SAMPLES) this.#post();
    }
    return true;
  }

  /** When the newest sample was heard, on the context's clock; a quantum is 128 samples. */
  #heardUntil() {
    return currentTime + (128 - this.resampler.behind) / sampleRate;
  }

  #post() {
    const power = this.block.reduce((sum, x) => sum + x * x, 0) / BLOCK_SAMPLES;
    const pcm = toPcm(this.block);
    this.filled = 0;
    this.port.postMessage({ pcm, power, endTime: this.#heardUntil() }, [pcm.buffer]);
  }
}

registerProcessor(`capture-${RATE_HZ}`, Capture);
