// The divider between the program and its result, on a wide screen. Its place is kept in this browser.

import { byId } from "./page.js";

const KEY = "precieux.divider";
/** The part of the width that the program has, in percent. */
const USUAL = 52;
/** How far an arrow key moves it. */
const STEP = 2;
/** @type {Record<string, number>} */
const ARROWS = { ArrowLeft: -STEP, ArrowRight: STEP };

const divider = byId("divider");
const bench = divider.parentElement;
const [least, most] = [Number(divider.ariaValueMin), Number(divider.ariaValueMax)];
const isRightToLeft = document.documentElement.dir === "rtl";

/** @param {number} part */
function move(part) {
  const share = String(Math.round(Math.min(most, Math.max(least, part))));
  bench.style.setProperty("--share", share);
  divider.ariaValueNow = share;
  try {
    localStorage.setItem(KEY, share);
  } catch {
    // A browser may forbid its storage; then the divider is where it was before at the next visit.
  }
}

divider.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => {
  event.preventDefault(); // or a text would be selected
  divider.focus();
  divider.setPointerCapture(event.pointerId);
});
divider.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => {
  if (!divider.hasPointerCapture(event.pointerId)) return;
  const { left, right, width } = bench.getBoundingClientRect();
  move((100 * (isRightToLeft ? right - event.clientX : event.clientX - left)) / width);
});
divider.addEventListener("dblclick", () => move(USUAL));
divider.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
  const by = ARROWS[event.key];
  if (!by) return;
  event.preventDefault();
  move(Number(divider.ariaValueNow) + (isRightToLeft ? -by : by));
});

try {
  move(Number(localStorage.getItem(KEY)) || USUAL);
} catch {
  // Without storage it stands where it usually does.
}
