// The operator's page: draws the whole state each time it comes, and passes on what is pressed.

import { Link, command, element } from "./link.js";
import { Preview } from "./previews.js";

const TONES = { unknown: "?", idle: "○", ready: "◎", talk: "◐", record: "●", pause: "❙❙", done: "✓", bad: "▲" };
const LEVELS = { green: "✓", amber: "▲", red: "■", unknown: "?" };
const COMMANDS = [
  { name: "start", label: "Start", key: "S", main: true },
  { name: "confirm", label: "Confirm", key: "C", main: true },
  { name: "pause", label: "Pause", key: "P" },
  { name: "resume", label: "Resume", key: "P", main: true },
  { name: "redo", label: "Redo", key: "R" },
  { name: "skip", label: "Skip", key: "K" },
  { name: "note", label: "Note", key: "N" },
  { name: "stop", label: "Stop", key: "X" },
];
const ANSWER_SHOWN = 6000; // ms
const TIME_DRAWN = 100; // ms

const $ = (selector) => document.querySelector(selector);
const tiles = new Map();
let shownTrial;
let answer = { text: "", until: 0 };

const link = new Link(show, lost);

function lost(ended) {
  document.body.classList.add("lost");
  if (ended) {
    const { tone, title } = link.state.headline;
    const done = tone === "done";
    const detail = `The last that it said: ${title}.${done ? "" : " rig record --resume goes on there."}`;
    drawHeadline({ tone: done ? tone : "unknown", title: "The rig has ended", detail });
    const { safety } = link.state;
    drawSafety(safety.safe === false ? { safe: null, why: "A take was under way: rig repair keeps what there is." } : safety);
  } else {
    drawHeadline({ tone: "unknown", title: "No connection to the console", detail: "Trying again. The session goes on without its pages. If the console was started anew, open the address that it printed." });
    drawSafety({ safe: null, why: "Nobody says so." });
  }
  $("#commands").replaceChildren();
}

function show(state) {
  document.body.classList.remove("lost");
  drawHeadline(state.headline);
  drawSafety(state.safety);
  drawAdvice(state.advice);
  drawTiles(state.sensors);
  drawTrials(state.trials);
  drawChecks(state.checks, state.pages);
  drawCommands(state);
  drawFacts(state);
}

// --- the large line --------------------------------------------------------------------------------

function drawHeadline({ tone, title, detail }) {
  document.body.dataset.tone = tone;
  setText("#mark", TONES[tone]);
  setText("#title", title);
  setText("#detail", answer.until > performance.now() ? answer.text : detail);
  document.title = `${TONES[tone]} ${title}`;
}

function drawSafety({ safe, why }) {
  const box = $("#safety");
  box.dataset.safe = String(safe);
  box.querySelector("b").textContent =
    safe === null ? "? Safe to leave: unknown" : safe ? "✓ Safe to leave" : "✕ Not safe to leave";
  box.querySelector("span").textContent = why;
}

function drawAdvice(text) {
  const line = $("#advice");
  line.hidden = !text;
  line.textContent = text ? `▲ ${text}` : "";
}

// Ten times a second, not with every frame: the machine that records has better things to do.
function drawTime() {
  const session = link.state?.session;
  const timed = session && session.duration > 0 && !document.body.classList.contains("lost");
  const gone = session ? link.clock.host() - session.began : 0;
  const share = timed ? Math.min(1, Math.max(0, gone / session.duration)) : 0;
  $("#progress i").style.transform = `scaleX(${share})`;
  const left = timed ? Math.max(0, session.duration - gone) / 1000 : 0;
  const here = session && !document.body.classList.contains("lost");
  setText("#left", timed ? left.toFixed(1) : here ? span(gone / 1000) : "");
  setText("#of", timed ? `of ${(session.duration / 1000).toFixed(1)} s` : here ? session.phase : "");
}
setInterval(drawTime, TIME_DRAWN);

function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

// --- sensors ---------------------------------------------------------------------------------------

function drawTiles(sensors) {
  const names = sensors.map((sensor) => sensor.name);
  if (names.join() !== [...tiles.keys()].join()) {
    tiles.forEach((tile) => tile.preview.stop());
    tiles.clear();
    names.forEach((name) => tiles.set(name, makeTile(name)));
    $("#tiles").dataset.count = names.length;
    $("#tiles").replaceChildren(...[...tiles.values()].map((tile) => tile.root));
  }
  sensors.forEach((sensor) => drawTile(tiles.get(sensor.name), sensor));
}

function makeTile(name) {
  const tile = {
    level: element("span", "level"),
    title: element("h2"),
    rate: element("span", "rate"),
    image: element("img"),
    box: element("i", "box"),
    nothing: element("p", "nothing", "no picture yet"),
    live: element("span", "live"),
    facts: element("dl"),
  };
  tile.image.alt = "";
  tile.picture = element("div", "picture", tile.image, tile.box);
  tile.root = element(
    "article", "",
    element("header", "", tile.level, tile.title, tile.rate),
    element("div", "frame", tile.picture, tile.nothing, tile.live),
    tile.facts,
  );
  tile.root.dataset.name = name;
  tile.preview = new Preview(name, tile.image, (news) => drawNews(tile, news));
  return tile;
}

function drawNews(tile, { age, window, trouble }) {
  tile.root.classList.toggle("blind", age === null);
  if (age === null) {
    tile.nothing.textContent = trouble || (tile.image.src ? "no new picture" : "no picture yet");
    tile.live.textContent = "";
    return;
  }
  tile.picture.style.setProperty("--aspect", tile.image.naturalWidth / tile.image.naturalHeight);
  tile.live.textContent = window ? `last ${window.toFixed(0)} ms` : "";
}

function drawTile(tile, sensor) {
  const bad = sensor.level !== "green";
  tile.root.dataset.level = sensor.level;
  tile.level.textContent = LEVELS[sensor.level];
  tile.title.textContent = sensor.title;
  tile.title.title = [sensor.model, sensor.size].filter(Boolean).join(", ");
  tile.rate.textContent = bad && sensor.trouble ? sensor.trouble : sensor.rate;
  tile.box.hidden = !sensor.box;
  if (sensor.box) {
    const [left, top, width, height] = sensor.box.map((share) => `${100 * share}%`);
    Object.assign(tile.box.style, { left, top, width, height });
  }
  const offset = [sensor.offset.text, sensor.offset.drift].filter(Boolean).join(", ");
  setFacts(tile.facts, [
    ["lost", sensor.lost === "" ? "unknown" : sensor.lost, sensor.lost === "" ? "unknown" : sensor.lost === "0" ? "green" : "red"],
    ["offset", offset, sensor.offset.level, sensor.offset.how],
    sensor.lux && ["light", sensor.lux],
    sensor.temperature && ["chip", sensor.temperature],
    sensor.late && sensor.late !== "0" && ["late", sensor.late, "amber"],
  ]);
}

// --- trials and checks -----------------------------------------------------------------------------

function drawTrials(trials) {
  const done = trials.filter((trial) => trial.takes.some((take) => take.outcome === "complete")).length;
  setText("#trials small", trials.length ? `${done} of ${trials.length} done` : "");
  redraw($("#trials ol"), trials, () => trials.map(trialRow));
  const here = trials.find((trial) => trial.here)?.au;
  if (here !== shownTrial) $("#trials .here")?.scrollIntoView({ block: "center" });
  shownTrial = here;
}

function trialRow(trial) {
  const row = element("li", trial.here ? "here" : "", element("b", "", trial.au), element("span", "", trial.name));
  const chips = element("span", "chips");
  if (trial.takes.length) {
    const again = element("button", "again", "redo");
    again.onclick = () => press("redo", `AU ${trial.au}`);
    chips.append(again);
  }
  for (const take of trial.takes) chips.append(takeChip(take));
  row.append(chips);
  for (const take of trial.takes) {
    const facts = [take.redo ? "redo suggested" : "", ...take.reasons, ...take.notes.map((note) => `“${note}”`)];
    const said = facts.filter(Boolean).join(" · ");
    if (said) row.append(element("p", "", `take ${take.run}: ${said}`));
  }
  return row;
}

function takeChip(take) {
  const kept = take.outcome === "complete";
  const chip = element("button", "chip", String(take.run), element("i", "", kept ? LEVELS[take.level] : "–"));
  chip.dataset.level = kept ? take.level : "void";
  chip.title = `${take.name}: ${take.outcome}, ${take.bytes}, ${take.lost} lost, quality ${take.level}; press to note something`;
  chip.onclick = () => writeNote(take);
  return chip;
}

function drawChecks(checks, pages) {
  const sound = pages.sound_heard ? "green" : pages.sound === "blocked" || !pages.subjects ? "amber" : "unknown";
  const own = [
    {
      name: "subject's page", sensor: "", level: pages.subjects ? "green" : "amber",
      value: pages.subjects ? (pages.screen === "full" ? "open, full screen" : "open, in a window") : "not open",
      reason: pages.subjects ? "" : "Open its address on the subject's screen.",
    },
    {
      name: "sound", sensor: "", level: sound,
      value: pages.sound_heard ? "heard by the subject" : pages.sound,
      reason: pages.sound_heard ? "" : "Let the subject press “Test the sound” on their page.",
    },
  ];
  const all = [...checks.list, ...own];
  const order = ["red", "amber", "unknown", "green"];
  all.sort((one, other) => order.indexOf(one.level) - order.indexOf(other.level));
  const counts = order.map((level) => [level, all.filter((check) => check.level === level).length]);
  setText("#checks small", counts.filter(([, n]) => n).map(([level, n]) => `${LEVELS[level]} ${n}`).join("   "));
  redraw($("#checks ul"), [checks, pages], () => [
    ...(checks.why ? [element("li", "why", checks.why)] : []),
    ...all.map(checkRow),
  ]);
}

function checkRow({ name, sensor, level, value, expected, reason }) {
  const row = element(
    "li", "", element("i", "", LEVELS[level]),
    element("span", "", [sensor, name].filter(Boolean).join(" ")), element("b", "", value),
  );
  row.dataset.level = level;
  row.title = expected ? `expected: ${expected}` : "";
  if (reason) row.append(element("p", "", reason));
  return row;
}

// --- commands --------------------------------------------------------------------------------------

function drawCommands(state) {
  const may = new Set(state.ended ? [] : (state.session?.commands ?? []));
  const anyway = state.checks.level === "red";
  const wanted = COMMANDS.filter(({ name }) => may.has(name)).map((one) =>
    one.name === "start" && anyway ? { ...one, label: "Start anyway", main: false } : one,
  );
  redraw($("#commands"), wanted, () =>
    wanted.map(({ name, label, key, main }) => {
      const button = element("button", main ? "main" : "", label, element("kbd", "", key));
      button.dataset.command = name;
      button.onclick = () => press(name);
      return button;
    }),
  );
}

async function press(name, argument = "") {
  const state = link.state;
  if (name === "note") return writeNote();
  if (name === "stop") {
    if (!(await ask("Stop the session?", "A take that is running is kept, as broken off. The session ends.", "Stop"))) return;
  }
  if (name === "start" && state.checks.level === "red") {
    const reds = state.checks.list.filter((check) => check.level === "red");
    const reasons = reds.map((check) => [check.sensor, check.name, check.value].filter(Boolean).join(" ")).join("; ");
    if (!(await ask("Start with red checks?", reasons, "Start anyway"))) return;
    argument = "anyway";
  }
  tell(name, await command(name, argument));
}

function tell(name, { accepted, reason }) {
  if (accepted && !reason) return;
  answer = { text: accepted ? reason : `${name}: ${reason}`, until: performance.now() + ANSWER_SHOWN };
  setText("#detail", answer.text);
}

function ask(title, text, yes) {
  const dialog = $("#ask");
  dialog.querySelector("h2").textContent = title;
  dialog.querySelector("p").textContent = text;
  dialog.querySelector("[value=ok]").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.onclose = () => resolve(dialog.returnValue === "ok");
  });
}

// A note belongs to a take: the one that is pressed, else the one being recorded, else the last.
function writeNote(take = null) {
  const dialog = $("#note");
  const area = dialog.querySelector("textarea");
  const about = take ? { au: take.au, take: take.run } : link.state.noted;
  dialog.querySelector("small").textContent = about ? `AU ${about.au}, take ${about.take}` : "on the session";
  area.value = "";
  dialog.returnValue = "";
  dialog.showModal();
  area.focus();
  dialog.onclose = async () => {
    const text = area.value.trim();
    if (dialog.returnValue !== "ok" || !text) return;
    tell("note", await command("note", about ? `AU ${about.au} take ${about.take}: ${text}` : text));
  };
}

$("#note textarea").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("#note [value=ok]").click();
});

addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey || $("dialog[open]")) return;
  const key = event.key.toUpperCase();
  const wanted = COMMANDS.filter((one) => one.key === key).map(({ name }) => $(`#commands [data-command=${name}]`));
  const button = wanted.find(Boolean);
  if (button) {
    event.preventDefault();
    button.click();
  }
});

// --- facts -----------------------------------------------------------------------------------------

function drawFacts({ session, recorder, pages }) {
  const free = [recorder.free, recorder.free_for && `(${recorder.free_for})`].filter(Boolean).join(" ");
  setFacts($("#facts"), [
    session && ["subject", `${session.subject}, session ${session.session}`],
    ["recorder", recorder.state, recorder.silent ? "unknown" : recorder.error ? "red" : ""],
    recorder.take && ["take", recorder.written],
    recorder.take && ["lost", String(recorder.lost), recorder.lost ? "red" : "green"],
    recorder.rate && ["in", `${recorder.rate}, ${recorder.queued} queued`],
    ["disk free", recorder.free ? free : "unknown"],
    pages.operators > 1 && ["consoles", String(pages.operators)],
  ]);
}

// --- drawing ---------------------------------------------------------------------------------------

function setText(selector, text) {
  const found = $(selector);
  if (found.textContent !== text) found.textContent = text;
}

// Pairs of a name and a value, perhaps with a level and more words; falsy ones are left out.
function setFacts(list, facts) {
  redraw(list, facts, () =>
    facts.filter(Boolean).map(([name, value, level, more]) => {
      const mark = level && level !== "green" ? `${LEVELS[level]} ` : "";
      const pair = element("div", "", element("dt", "", name), element("dd", "", mark + value));
      if (level) pair.dataset.level = level;
      if (more) pair.title = more;
      return pair;
    }),
  );
}

// Draw anew only what is different, so that nothing scrolls away or loses the focus.
function redraw(where, what, make) {
  const shown = JSON.stringify(what);
  if (where.dataset.shown === shown) return;
  where.dataset.shown = shown;
  where.replaceChildren(...make());
}
