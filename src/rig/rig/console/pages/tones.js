// Tones that sound at a time of the host's clock: scheduled ahead, so that no busy page delays them.

const LATE = 80; // ms behind its time from which a tone is left out

const KINDS = {
  count: [{ pitch: 660, from: 0, length: 0.12 }],
  go: [{ pitch: 990, from: 0, length: 0.4 }],
  rest: [
    { pitch: 780, from: 0, length: 0.13 },
    { pitch: 780, from: 0.22, length: 0.13 },
  ],
};

export class Tones {
  #context = new AudioContext({ latencyHint: "interactive" });

  // onChange() when a browser begins or ceases to let the page be heard.
  constructor(clock, onChange) {
    this.clock = clock;
    this.#context.onstatechange = onChange;
    for (const gesture of ["pointerdown", "keydown"]) {
      addEventListener(gesture, () => this.#context.resume(), { capture: true });
    }
  }

  get audible() {
    return this.#context.state === "running";
  }

  // Plan a tone at a host time, ms; {at, cancel()}, or null where it is too late or nothing can be heard.
  plan(kind, host) {
    if (!this.audible) return null;
    const context = this.#context;
    const late = this.clock.host() - host;
    if (late > LATE) return null;
    const at = Math.max(context.currentTime, this.#contextTime(this.clock.page(host)));
    const playing = KINDS[kind].map((note) => this.#play(note, at));
    return { at: host + Math.max(0, late), cancel: () => playing.forEach((one) => one.stop()) };
  }

  async demonstrate() {
    await this.#context.resume();
    const now = this.#context.currentTime + 0.1;
    for (const k of [0, 1, 2]) this.#play(KINDS.count[0], now + 0.6 * k);
    this.#play(KINDS.go[0], now + 1.8);
    KINDS.rest.forEach((note) => this.#play(note, now + 2.9));
  }

  // Where the audible output is at a time of performance.now().
  #contextTime(page) {
    const { contextTime, performanceTime } = this.#context.getOutputTimestamp();
    if (performanceTime) return contextTime + (page - performanceTime) / 1000;
    return this.#context.currentTime + (page - performance.now()) / 1000;
  }

  #play({ pitch, from, length }, at) {
    const begin = at + from;
    const loudness = this.#context.createGain();
    loudness.gain.setValueAtTime(0, begin);
    loudness.gain.linearRampToValueAtTime(0.5, begin + 0.01);
    loudness.gain.setValueAtTime(0.5, begin + length - 0.02);
    loudness.gain.linearRampToValueAtTime(0, begin + length);
    const tone = this.#context.createOscillator();
    tone.frequency.value = pitch;
    tone.connect(loudness).connect(this.#context.destination);
    tone.start(begin);
    tone.stop(begin + length);
    return tone;
  }
}
