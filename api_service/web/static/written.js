// What a program has written while it runs. It is stored nowhere else, so this tab keeps that of the latest program: a
// reload and a cancellation lose nothing of it.

const KEY = "precieux.written";
/** Characters that are kept of each stream, from its end. */
const MOST = 64 * 1024;

/** @typedef {{attempt: string, stdout: string, stderr: string}} Written `attempt` is the beginning of its events' ids. */

/** @param {string} attempt @returns {Written} */
export const begin = (attempt) => ({ attempt, stdout: "", stderr: "" });

/** Return what the latest attempt of a run has written, as far as it is kept. @param {number} submission @param {number} run */
export function load(submission, run) {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
    if (kept?.attempt.startsWith(`${submission}.${run}.`)) return { ...begin(""), ...kept };
  } catch {
    // As if there were none.
  }
  return begin("");
}

/** Add a text to a stream, and keep it. @param {Written} written @param {"stdout" | "stderr"} stream @param {string} text */
export function add(written, stream, text) {
  written[stream] = (written[stream] + text).slice(-MOST);
  try {
    sessionStorage.setItem(KEY, JSON.stringify(written));
  } catch {
    // A browser may forbid or limit its storage. Then it is gone after a reload.
  }
}
