// The submissions that were sent from this browser. They are kept here only, and can be forgotten.

const KEY = "precieux.history";
/** The most submissions that are kept. */
const MOST = 100;

/** @typedef {{id: number, language: string, title: string, at: string, state: string, verdict: string | null, problem?: string}} Entry */

/** Return the entries, the newest first. @returns {Entry[]} */
export function entries() {
  try {
    const read = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(read) ? read.filter((entry) => Number.isInteger(entry?.id)) : [];
  } catch {
    return [];
  }
}

/** Add an entry, or change the one with the same id. @param {Partial<Entry> & {id: number}} entry */
export function remember(entry) {
  const all = entries();
  const known = all.find((one) => one.id === entry.id);
  if (known) Object.assign(known, entry);
  else all.unshift(/** @type {Entry} */ ({ language: "", title: "", at: "", state: "", verdict: null, ...entry }));
  write(all);
}

/** Change an entry, if there is one. @param {Partial<Entry> & {id: number}} entry */
export function update(entry) {
  if (entries().some((one) => one.id === entry.id)) remember(entry);
}

export const forgetAll = () => localStorage.removeItem(KEY);

/** @param {Entry[]} all */
function write(all) {
  try {
    localStorage.setItem(KEY, JSON.stringify(all.slice(0, MOST)));
  } catch {
    // A browser may forbid or limit its storage; then there is no history.
  }
}
