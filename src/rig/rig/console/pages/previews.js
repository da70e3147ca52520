// Live pictures, pulled: the next is asked for when the last is drawn, ten a second at most, the newest only;
// fewer where drawing takes long, for then somebody else needs the machine.

const PERIOD = 100; // ms between two pictures
const SHARE = 3; // times as long as a picture took is waited for the next
const IDLE = 500; // ms until the next try where there is none
const OLD = 1500; // ms after which a picture is said to be old

export class Preview {
  #stamp = "";
  #stopped = false;

  // image: the element that shows it; onNews({age, window}) in ms, age null where nothing comes.
  constructor(name, image, onNews) {
    this.name = name;
    this.image = image;
    this.onNews = onNews;
    this.#run();
  }

  stop() {
    this.#stopped = true;
  }

  async #run() {
    while (!this.#stopped) {
      const begin = performance.now();
      const found = document.hidden ? false : await this.#pull();
      const spent = performance.now() - begin;
      await new Promise((resume) => setTimeout(resume, Math.max((found ? PERIOD : IDLE) - spent, SHARE * spent)));
    }
  }

  async #pull() {
    try {
      const answer = await fetch(`preview/${this.name}?after=${this.#stamp}`);
      if (answer.status !== 200) {
        this.#missed(answer.status === 422 ? (await answer.text()).trim() : "");
        return answer.status === 204 && this.#stamp !== "";
      }
      await this.#draw(await answer.blob());
      this.#stamp = answer.headers.get("X-Stamp");
      this.drawn = performance.now();
      this.onNews({ age: Number(answer.headers.get("X-Age-Ms")), window: Number(answer.headers.get("X-Window-Ms")) });
      return true;
    } catch {
      this.#missed("");
      return false;
    }
  }

  #missed(trouble) {
    if (this.drawn === undefined || performance.now() - this.drawn > OLD) this.onNews({ age: null, trouble });
  }

  async #draw(blob) {
    const before = this.image.src;
    this.image.src = URL.createObjectURL(blob);
    await this.image.decode();
    if (before) URL.revokeObjectURL(before);
  }
}
