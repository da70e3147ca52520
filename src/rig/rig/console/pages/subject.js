// The subject's page: draws the phase that the session is in, sounds its tones, says when it did.

import { Link, command, element } from "./link.js";
import { Tones } from "./tones.js";
import { words } from "./words.js";

const RING = 2 * Math.PI * 46;
const SCOPES = ["research", "sharing", "figures", "rgb_release"];
const CONFIRMED = ["introduction", "description", "settle"];

const stage = document.getElementById("stage");
const buttons = document.getElementById("buttons");
const corner = document.getElementById("corner");

let drawn = ""; // what the stage shows: phase and what it depends on
let animate = null; // draws what moves by the clock; null where nothing does
let planned = []; // tones that are still to come: {cue, at, cancel, forPhase}
let testing = false; // the tones were played and nobody said yet whether they were heard
let tested = false;
let told = "";

const link = new Link(show, lost);
const tones = new Tones(link.clock, () => show());
document.addEventListener("fullscreenchange", tell);

function tell() {
  const sound = !tones.audible ? "blocked" : tested ? "heard" : "on";
  const facts = { sound, screen: document.fullscreenElement ? "full" : "window" };
  if (JSON.stringify(facts) === told) return;
  told = JSON.stringify(facts);
  link.say({ facts });
}

function lost(ended) {
  if (ended && ["finished", "aborted"].includes(document.body.dataset.phase)) return; // the last word stays
  cancelTones();
  drawn = told = "";
  document.body.dataset.phase = "lost";
  stage.replaceChildren(element("p", "text", words(document.documentElement.lang).lost));
  buttons.replaceChildren();
}

function show() {
  const state = link.state;
  if (!state) return;
  const session = state.session;
  const say = words(session?.language);
  document.documentElement.lang = session?.language ?? "en";
  const phase = session?.phase ?? "nothing";
  document.body.dataset.phase = phase;
  drawHeader(session, say);
  const wanted = [session?.phase_id, phase, session?.text, state.clip].join("|");
  if (wanted !== drawn) {
    drawn = wanted;
    if (session && state.lead) planTones(session);
    else cancelTones();
    drawStage(phase, session, state, say);
    if (session && state.lead) acknowledgeDrawing(session);
  }
  if (phase !== "waiting" && phase !== "nothing") testing = false;
  drawButtons(phase, session, say, state.ended);
  drawCorner(say);
  tell();
}

// --- what is seen ----------------------------------------------------------------------------------

function drawHeader(session, say) {
  const inTrial = Boolean(session?.au);
  document.getElementById("trial").textContent = inTrial
    ? `${session.trial + 1} ${say.of} ${session.trials}`
    : "";
  const practice = inTrial && session.block && session.block !== "main";
  document.getElementById("block").textContent = practice ? say.practice : "";
}

function drawStage(phase, session, state, say) {
  animate = null;
  const text = element("p", "text", session?.text || "");
  const heading = headingOver(session?.text ?? "", say.headings[phase] ?? "");
  if (phase === "nothing" || phase === "waiting") {
    const words = testing ? say.testing : session?.text || say.nothing;
    stage.replaceChildren(element("h1", "", testing ? say.test : say.headings.waiting), element("p", "text", words));
  } else if (phase === "consent") {
    stage.replaceChildren(...[heading, text, scopeBoxes(state, say)].filter(Boolean));
  } else if (phase === "demonstration" || phase === "description") {
    stage.replaceChildren(...[heading, clip(state), text].filter(Boolean));
  } else if (phase === "countdown" || phase === "perform" || phase === "rest") {
    stage.replaceChildren(...[heading, ring(phase, session), text].filter(Boolean));
  } else {
    stage.replaceChildren(...[heading, text].filter(Boolean));
  }
}

// Nothing where the text says the same itself.
function headingOver(text, heading) {
  return text.toLowerCase().startsWith(heading.toLowerCase()) ? null : element("h1", "", heading);
}

function scopeBoxes(state, say) {
  const list = element("div", "scopes");
  for (const scope of SCOPES) {
    const box = element("input");
    box.type = "checkbox";
    box.name = scope;
    box.onchange = () => show();
    const needed = scope === "research" ? element("small", "", say.required) : null;
    list.append(element("label", "", box, element("span", "", state.scopes[scope] ?? say.scopes[scope], needed)));
  }
  return list;
}

function clip(state) {
  if (!state.clip) return null;
  const video = element("video");
  Object.assign(video, { muted: true, loop: true, playsInline: true, autoplay: true });
  video.src = `clip/${state.clip}`;
  const session = state.session;
  video.requestVideoFrameCallback?.((now) => acknowledge(session, `${session.phase} clip`, now));
  return video;
}

// A ring that empties with the phase; in the countdown with the seconds left in it.
function ring(phase, session) {
  const figure = element("div", "ring");
  figure.innerHTML =
    '<svg viewBox="0 0 100 100"><circle cx="50" cy="50" r="46"/><circle class="left" cx="50" cy="50" r="46"/></svg>';
  const number = element("span", "number");
  figure.append(number);
  const left = figure.querySelector(".left");
  left.style.strokeDasharray = RING;
  const end = session.began + session.duration;
  animate = () => {
    const rest = Math.max(0, end - link.clock.host());
    left.style.strokeDashoffset = session.duration ? RING * (1 - rest / session.duration) : 0;
    const seconds = phase === "countdown" ? String(Math.max(1, Math.ceil(rest / 1000))) : "";
    if (number.textContent !== seconds) number.textContent = seconds;
  };
  const mine = animate;
  (function frame() {
    if (animate !== mine) return;
    mine();
    requestAnimationFrame(frame);
  })();
  return figure;
}

// --- what can be pressed ---------------------------------------------------------------------------

function drawButtons(phase, session, say, ended) {
  const wanted = ended ? [] : offers(phase, session, say);
  const description = JSON.stringify(wanted);
  if (buttons.dataset.shown === description) return;
  buttons.dataset.shown = description;
  buttons.replaceChildren(
    ...wanted.map(({ name, label, key, main, disabled }) => {
      const button = element("button", main ? "main" : "", label, key ? element("kbd", "", key) : null);
      button.disabled = Boolean(disabled);
      button.dataset.command = name;
      button.onclick = () => obey(name);
      return button;
    }),
  );
}

// What this phase offers, the main thing last.
function offers(phase, session, say) {
  const may = new Set(session?.commands ?? []);
  const label = (name) => link.state.labels[name] ?? say[name];
  const found = [];
  if (phase === "waiting" || phase === "nothing") {
    found.push({ name: "test", label: testing ? say.again : say.test, main: !testing && !tested });
    if (testing) found.push({ name: "heard", label: say.heard, main: true });
    return found;
  }
  if (may.has("stop") && phase === "paused") found.push({ name: "stop", label: label("stop") });
  if (may.has("decline")) found.push({ name: "decline", label: label("decline") });
  if (may.has("pause")) found.push({ name: "pause", label: label("pause"), key: "Space" });
  if (may.has("redo")) {
    found.push({ name: "redo", label: phase === "description" ? say.repeat : label("redo"), key: "R" });
  }
  if (may.has("resume")) found.push({ name: "resume", label: label("resume"), key: "Space", main: true });
  if (may.has("consent")) {
    found.push({ name: "consent", label: label("consent"), main: true, disabled: !scopes().includes("research") });
  }
  if (may.has("confirm") && CONFIRMED.includes(phase)) {
    const words = phase === "description" ? label("confirm") : say.next;
    found.push({ name: "confirm", label: words, key: "Enter", main: true });
  }
  return found;
}

function scopes() {
  return [...stage.querySelectorAll(".scopes input:checked")].map((box) => box.name);
}

function obey(name) {
  if (name === "test" || name === "heard") {
    testing = name === "test";
    tested ||= name === "heard";
    if (testing) tones.demonstrate();
    drawn = "";
    show();
    return;
  }
  command(name, name === "consent" ? scopes().join(",") : "");
}

const KEYS = { Enter: ["confirm"], " ": ["resume", "pause"], r: ["redo"], R: ["redo"] };

addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target instanceof HTMLButtonElement || event.target instanceof HTMLInputElement) return;
  for (const name of KEYS[event.key] ?? []) {
    const button = buttons.querySelector(`[data-command=${name}]:enabled`);
    if (button) {
      event.preventDefault();
      button.click();
      return;
    }
  }
});

// --- sound and full screen -------------------------------------------------------------------------

function drawCorner(say) {
  const shown = `${tones.audible}|${Boolean(document.fullscreenElement)}|${say.full}`;
  if (corner.dataset.shown === shown) return;
  corner.dataset.shown = shown;
  corner.replaceChildren();
  if (!tones.audible) corner.append(element("p", "silent", say.silent));
  if (!document.fullscreenElement) {
    const full = element("button", "quiet", say.full);
    full.onclick = () => document.documentElement.requestFullscreen();
    corner.append(full);
  }
}

function cancelTones() {
  planned.forEach((tone) => tone.cancel());
  planned = [];
}

// Tones of this phase and the one that begins the next: that one must not wait for a message.
function planTones(session) {
  const expected = planned.filter((tone) => tone.forPhase === session.phase && near(tone.at, session.began));
  planned.filter((tone) => !expected.includes(tone)).forEach((tone) => tone.cancel());
  planned = [];
  expected.forEach((tone) => acknowledge(session, tone.cue, link.clock.page(tone.at)));
  const end = session.began + session.duration;
  if (session.phase === "countdown") {
    for (const left of [3, 2, 1]) {
      if (left * 1000 <= session.duration) sound("count", end - left * 1000, `countdown tone ${left}`, session);
    }
    sound("go", end, "perform tone", session, "perform");
  } else if (session.phase === "perform") {
    sound("rest", end, "rest tone", session, "rest");
  }
}

function near(one, other) {
  return Math.abs(one - other) < 50;
}

function sound(kind, at, cue, session, forPhase = null) {
  const tone = tones.plan(kind, at);
  if (!tone) return;
  planned.push({ ...tone, cue, forPhase });
  if (!forPhase) acknowledge(session, cue, link.clock.page(tone.at));
}

// --- what is said back -----------------------------------------------------------------------------

// The frame after the one that was drawn in begins when this one is on the screen.
function acknowledgeDrawing(session) {
  requestAnimationFrame(() =>
    requestAnimationFrame((now) => acknowledge(session, `${session.phase} drawn`, now)),
  );
}

function acknowledge(session, cue, now) {
  link.say({ cue, phase: session.phase_id, at: link.clock.host(now) });
}
