// What was written and is not sent: kept in this tab, one draft for each place, so that a reload loses nothing.

const PREFIX = "precieux.draft.";
/** The most drafts that are kept. */
const MOST = 20;

/** Return the draft of a place, if there is one. @param {string} place @returns {any} */
export function load(place) {
  try {
    return JSON.parse(sessionStorage.getItem(PREFIX + place) ?? "null")?.content ?? null;
  } catch {
    return null;
  }
}

/**
 * Keep a draft of these places; return false if it is too large. The oldest drafts of other places make room.
 * @param {string[]} places
 * @param {any} content
 */
export function save(places, content) {
  const text = JSON.stringify({ at: Date.now(), content });
  for (const place of places) {
    for (;;) {
      const others = othersThan(places);
      try {
        if (others.length > MOST) throw new RangeError("there are many drafts");
        sessionStorage.setItem(PREFIX + place, text);
        break;
      } catch {
        if (!others.length) return false;
        sessionStorage.removeItem(others[0]);
      }
    }
  }
  return true;
}

/** @param {string} place */
export const forget = (place) => sessionStorage.removeItem(PREFIX + place);

/** Return the keys of the drafts of other places, the oldest first. @param {string[]} places */
function othersThan(places) {
  const own = places.map((place) => PREFIX + place);
  const keys = Object.keys(sessionStorage).filter((key) => key.startsWith(PREFIX) && !own.includes(key));
  const timeOf = (/** @type {string} */ key) => Number(/^\{"at":(\d+)/.exec(sessionStorage.getItem(key) ?? "")?.[1] ?? 0);
  return keys.sort((one, other) => timeOf(one) - timeOf(other));
}
