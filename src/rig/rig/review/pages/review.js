// Draws a take, lets its markers be dragged, and hands in what the person says. The state lives in files.

const NAMES = ["onset", "apex", "offset", "end"];
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 1000, HEIGHT = 300;
const at = (id) => document.getElementById(id);

let takes = [], number = 0, take = null, instants = null;

const first = () => take.start_ms;
const last = () => take.start_ms + take.face.length * take.step_ms;
const x = (ms) => ((ms - first()) / (last() - first())) * WIDTH;

function make(name, attributes, parent) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent.append(element);
  return element;
}

function line(counts, kind) {
  const roots = counts.map(Math.sqrt);
  const top = Math.max(1, ...roots);
  const points = roots.map((root, k) => `${x(first() + (k + 0.5) * take.step_ms).toFixed(1)},${(HEIGHT - (root / top) * (HEIGHT - 10)).toFixed(1)}`);
  make("path", { d: `M${points.join("L")}`, class: kind }, at("curve"));
}

function label(ms, text, kind = "") {
  const span = document.createElement("span");
  span.textContent = text;
  span.className = kind;
  span.style.left = `${(x(ms) / WIDTH) * 100}%`;
  if (x(ms) < 40) span.classList.add("edge"); // in the middle of its line it would be cut off
  at("times").append(span);
  return span;
}

function draw() {
  at("curve").replaceChildren();
  at("times").replaceChildren();
  at("pictures").replaceChildren();
  line(take.face, "face");
  line(take.area, "area");
  for (const cue of take.cues) {
    make("line", { x1: x(cue.at_ms), x2: x(cue.at_ms), y1: 0, y2: HEIGHT, class: "cue" }, at("curve"));
    label(cue.at_ms, cue.phase, "cue");
  }
  NAMES.forEach(marker);
  const about = [`${number + 1} of ${takes.length}`, `score ${take.score ?? "none"}`, ...take.flags];
  if (take.by) about.push(`${take.verdict}: ${take.by}, ${take.at}`);
  at("name").textContent = take.name;
  say(about.join(" · "));
}

function marker(name, k) {
  const group = make("g", { class: "marker", tabindex: 0, role: "slider", "aria-label": name }, at("curve"));
  make("line", { x1: 0, x2: 0, y1: 0, y2: HEIGHT }, group);
  make("rect", { x: -8, width: 16, y: 0, height: HEIGHT }, group);
  const text = label(instants[k], name);
  const figure = document.createElement("figure"), image = new Image(), caption = document.createElement("figcaption");
  figure.append(image, caption);
  at("pictures").append(figure);
  image.alt = `events at the ${name}`;
  const place = (picture) => {
    group.setAttribute("transform", `translate(${x(instants[k])} 0)`);
    group.setAttribute("aria-valuenow", Math.round(instants[k]));
    text.style.left = `${(x(instants[k]) / WIDTH) * 100}%`;
    text.textContent = k ? name : `${name} ${Math.round(instants[k])} ms`;
    caption.textContent = `${name} ${Math.round(instants[k])} ms`;
    if (picture) image.src = `picture/${number}?at=${instants[k].toFixed(1)}`;
  };
  const move = (ms) => {
    const low = k ? instants[k - 1] : first(), high = k < 3 ? instants[k + 1] : last();
    instants[k] = Math.min(high, Math.max(low, ms));
  };
  group.addEventListener("pointerdown", (event) => group.setPointerCapture(event.pointerId));
  group.addEventListener("pointermove", (event) => {
    if (!group.hasPointerCapture(event.pointerId)) return;
    const box = at("curve").getBoundingClientRect();
    move(first() + ((event.clientX - box.left) / box.width) * (last() - first()));
    place(false);
  });
  group.addEventListener("pointerup", () => place(true));
  group.addEventListener("keydown", (event) => {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!way) return;
    event.preventDefault();
    move(instants[k] + way * (event.shiftKey ? 50 : 5));
    place(true);
  });
  place(true);
}

function say(text) {
  at("said").textContent = text;
}

async function show(wanted) {
  number = Math.min(takes.length - 1, Math.max(0, wanted));
  const answer = await fetch(`take/${number}`);
  if (!answer.ok) return say(await answer.text());
  take = await answer.json();
  reset(take.now);
}

function reset(from) {
  const perform = take.cues.find((cue) => cue.phase === "perform")?.at_ms ?? first();
  instants = [...(from ?? take.found ?? [perform + 300, perform + 600, perform + 1000, perform + 1400])];
  draw();
}

async function hand(verdict) {
  const by = at("by").value.trim();
  if (!by) {
    say("Your code first: who says so is kept.");
    return at("by").focus();
  }
  localStorage.setItem("by", by);
  const answer = await fetch("annotate", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ take: number, verdict, instants_ms: instants, by }),
  });
  if (!answer.ok) return say(await answer.text());
  takes[number] = await answer.json();
  await show(number + (number < takes.length - 1 ? 1 : 0));
}

const DEEDS = {
  p: ["previous", () => show(number - 1)],
  n: ["next", () => show(number + 1)],
  Enter: ["accept", () => hand("movement")],
  0: ["still", () => hand("no movement")],
  r: ["reset", () => reset(take.found)],
};
for (const [id, deed] of Object.values(DEEDS)) at(id).addEventListener("click", deed);
document.addEventListener("keydown", (event) => {
  if (event.target.matches("input, button")) return;
  DEEDS[event.key]?.[1]();
});

at("by").value = localStorage.getItem("by") ?? "";
takes = await (await fetch("takes")).json();
const waiting = takes.findIndex((one) => !one.by);
await show(Math.max(0, waiting));
