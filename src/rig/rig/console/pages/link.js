// The socket to the console, and the host's clock as this page can know it.

const PING_EVERY = 2000; // ms
const RETRY_AFTER = 1000; // ms

// Host time = performance.now() + offset; the answer that came back fastest knows it best.
class HostClock {
  #samples = [];

  heard(sent, host) {
    const now = performance.now();
    this.#samples.push({ trip: now - sent, offset: host - (sent + now) / 2 });
    if (this.#samples.length > 16) this.#samples.shift();
  }

  get offset() {
    if (!this.#samples.length) return Date.now() - performance.now();
    return this.#samples.reduce((best, one) => (one.trip < best.trip ? one : best)).offset;
  }

  // ms since 1970 on the host's clock, of a time of performance.now().
  host(time = performance.now()) {
    return time + this.offset;
  }

  // A time of performance.now(), of ms since 1970 on the host's clock.
  page(host) {
    return host - this.offset;
  }
}

export class Link {
  clock = new HostClock();
  state = null;
  #socket = null;

  // onState(state) with each whole state; onLost(ended) when there will be none for a while.
  constructor(onState, onLost) {
    this.onState = onState;
    this.onLost = onLost;
    this.#open();
    setInterval(() => this.#ping(), PING_EVERY);
  }

  #open() {
    const address = new URL("live", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    address.search = "";
    this.#socket = new WebSocket(address);
    this.#socket.onopen = () => this.#ping();
    this.#socket.onmessage = (message) => this.#hear(JSON.parse(message.data));
    this.#socket.onclose = () => {
      this.onLost(Boolean(this.state?.ended));
      setTimeout(() => this.#open(), RETRY_AFTER);
    };
  }

  #hear(said) {
    if ("pong" in said) {
      this.clock.heard(said.pong, said.host);
      return;
    }
    this.state = said;
    this.onState(said);
  }

  #ping() {
    this.say({ ping: performance.now() });
  }

  say(what) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(what));
  }
}

// Hands a word to the conductor; {accepted, reason}.
export async function command(name, argument = "") {
  try {
    const answer = await fetch(new URL("command", location.href), {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ command: name, argument }),
    });
    return answer.ok ? await answer.json() : { accepted: false, reason: (await answer.text()).trim() };
  } catch {
    return { accepted: false, reason: "The console does not answer." };
  }
}

// An element with classes, text and children, in one line.
export function element(kind, classes = "", ...children) {
  const made = document.createElement(kind);
  if (classes) made.className = classes;
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return made;
}
