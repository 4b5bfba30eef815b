// What was solved and sent from this browser, for the key of a class: what its server knows of it may be another's.

import { isKeyShared } from "./api.js";
import * as history from "./history.js";

/** Return what was sent to a problem from this browser, the newest first. @param {string} problem */
export const sentTo = (problem) => history.entries().filter((entry) => entry.problem === problem);

/** Mark the problems that were solved from this browser, and no others, if the key is that of a class. @param {ParentNode} place */
export function markSolved(place) {
  if (!isKeyShared()) return;
  for (const mark of place.querySelectorAll("[data-solved]")) {
    const sent = sentTo(/** @type {HTMLElement} */ (mark).dataset.solved ?? "");
    /** @type {HTMLElement} */ (mark).hidden = !sent.some((entry) => entry.verdict === "accepted");
  }
}
