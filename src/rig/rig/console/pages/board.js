// The checkerboard of `rig calibrate`: exact in the screen's own pixels, its scale set with a bank card.
"use strict";

const CARD_MM = 85.6; // ISO/IEC 7810 ID-1
const DARK = "#757575"; // as light as the simulation's: with black there would be needlessly many events
const MARGIN = 1; // squares of white around the board

const asked = new URLSearchParams(location.search);
const whole = (name, otherwise, low, high) =>
  Math.min(high, Math.max(low, Math.round(Number(asked.get(name)) || otherwise)));
const columns = whole("columns", 9, 3, 40);
const rows = whole("rows", 6, 3, 40);
const hz = Math.min(20, Math.max(0.5, Number(asked.get("hz")) || 2.5));

const $ = (id) => document.getElementById(id);
const canvas = $("board");
let blinking = true;
let shown = null;

const stored = (name, otherwise) => Number(localStorage.getItem(`board ${name}`)) || otherwise;
$("width").value = stored("card", 323.5); // CSS px of the card at 96 dpi
$("square").value = stored("square", 60);

// A square's side in CSS px; it is chosen in whole pixels of the screen, so that edges lie between pixels.
const side = () => Number($("square").value) / devicePixelRatio;
const mmPerPixel = () => CARD_MM / Number($("width").value);
const squareMm = () => side() * mmPerPixel();
const boardSize = () => [columns + 1 + 2 * MARGIN, rows + 1 + 2 * MARGIN].map((n) => n * Number($("square").value));

function describe() {
  localStorage.setItem("board card", $("width").value);
  localStorage.setItem("board square", $("square").value);
  $("card").style.width = `${$("width").value}px`;
  $("ruler").style.width = `${100 / mmPerPixel()}px`;
  const mm = squareMm().toFixed(2);
  const other = columns === 9 && rows === 6 ? "" : ` --columns ${columns} --rows ${rows}`;
  const rate = hz === 2.5 ? "" : ` --blink ${hz}`;
  $("command").textContent = `rig calibrate --square ${mm}${other}${rate}`;
  $("label").textContent = `square ${mm} mm, ${columns} x ${rows} inner corners, ${hz} Hz`;
  $("rate").textContent = `The screen changes ${(2 * hz).toFixed(0)} times a second, which are ${hz} flashes` +
    (hz > 3 ? ": more than the three that WCAG 2.3.1 takes to be safe." : ": below the three of WCAG 2.3.1.");
  const [width, height] = boardSize();
  const trouble = [];
  if ((columns + rows) % 2 === 0) trouble.push("One of columns and rows must be odd, the other even.");
  if (width > screen.width * devicePixelRatio || height > screen.height * devicePixelRatio) {
    trouble.push("The board is larger than this screen: make the squares smaller.");
  }
  $("trouble").textContent = trouble.join(" ");
  $("show").disabled = trouble.length > 0;
}

function draw(withBoard) {
  const square = Number($("square").value);
  const pen = canvas.getContext("2d", { alpha: false });
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  if (!withBoard) return;
  const left = Math.floor((canvas.width - (columns + 1) * square) / 2);
  const top = Math.floor((canvas.height - (rows + 1) * square) / 2);
  pen.fillStyle = DARK;
  for (let row = 0; row <= rows; row += 1) {
    for (let column = row % 2; column <= columns; column += 2) {
      pen.fillRect(left + column * square, top + row * square, square, square);
    }
  }
}

function fit() {
  canvas.width = Math.round(innerWidth * devicePixelRatio);
  canvas.height = Math.round(innerHeight * devicePixelRatio);
  // Exactly one pixel of the screen for one of the canvas, whatever the display's scale is.
  canvas.style.width = `${canvas.width / devicePixelRatio}px`;
  canvas.style.height = `${canvas.height / devicePixelRatio}px`;
  shown = null;
}

function tick(now) {
  if (document.body.classList.contains("showing")) {
    const withBoard = !blinking || (now * hz) % 1000 >= 500;
    if (withBoard !== shown) {
      draw(withBoard);
      shown = withBoard;
    }
    requestAnimationFrame(tick);
  }
}

async function show() {
  describe();
  document.body.classList.add("showing");
  try {
    await document.documentElement.requestFullscreen();
  } catch {
    // A browser without full screen shows the board in its window.
  }
  fit();
  requestAnimationFrame(tick);
}

function hide() {
  document.body.classList.remove("showing");
  if (document.fullscreenElement) document.exitFullscreen();
}

$("show").addEventListener("click", show);
for (const id of ["width", "square"]) $(id).addEventListener("input", describe);
addEventListener("resize", () => (document.body.classList.contains("showing") ? fit() : describe()));
document.addEventListener("fullscreenchange", () => {
  if (!document.fullscreenElement) hide();
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape") hide();
  if (event.key === " " && document.body.classList.contains("showing")) {
    event.preventDefault();
    blinking = !blinking;
    shown = null;
  }
});
describe();
