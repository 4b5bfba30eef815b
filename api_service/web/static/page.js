// What all scripts of a page share: its language, its messages, numbers and elements.

/** The address of the server's root. A proxy may serve it below a prefix. */
export const root = new URL(document.documentElement.dataset.root ?? "./", location.href);
export const locale = document.documentElement.lang;
// Scripts change the address of the page, so links that are relative to the first one become absolute.
for (const link of document.querySelectorAll("a[href], link[href], form[action]")) {
  const name = link.hasAttribute("href") ? "href" : "action";
  const address = link.getAttribute(name) ?? "";
  if (!/^[#?]/.test(address)) link.setAttribute(name, new URL(address, location.href).href);
}

/** @type {Record<string, string>} */
const messages = JSON.parse(document.getElementById("messages")?.textContent ?? "{}");

/**
 * Return a message of the page in its language, with values in the place of `{names}`.
 * @param {string} key
 * @param {Record<string, string | number>} [values]
 */
export function t(key, values = {}) {
  return (messages[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** Return true if the page has such a message. @param {string} key */
export const has = (key) => Object.hasOwn(messages, key);

const numbers = new Intl.NumberFormat(locale, { maximumFractionDigits: 3 });
const sizes = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const moments = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });

/** @param {number} value */
export const number = (value) => numbers.format(value);
/** @param {number} value */
export const seconds = (value) => t("seconds", { number: numbers.format(value) });
/** @param {number} bytes */
export const memory = (bytes) => t("mebibytes", { number: sizes.format(bytes / 2 ** 20) });
/** @param {number} bytes */
export const size = (bytes) =>
  bytes < 10240
    ? t("bytes", { number: number(bytes) })
    : bytes < 2 ** 20
      ? t("kibibytes", { number: sizes.format(bytes / 1024) })
      : memory(bytes);
/** @param {string} text A time of the API. */
export const moment = (text) => moments.format(new Date(text));

const SVG = "http://www.w3.org/2000/svg";
const SHAPES = new Set(["svg", "rect", "path"]);

/**
 * Return a new element. Texts become text nodes, so no text is ever read as HTML.
 * @param {string} name
 * @param {Record<string, unknown>} [attributes] A function is a handler of the event of that name.
 * @param {...(Node | string | null | undefined | false)} children
 * @returns {any}
 */
export function el(name, attributes = {}, ...children) {
  const element = SHAPES.has(name) ? document.createElementNS(SVG, name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(key, /** @type {EventListener} */ (value));
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(key, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Return the element with this id. @param {string} id @returns {any} */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element #${id}`);
  return found;
}

/** Run a function when nothing has asked for it for a while. @param {() => void} run @param {number} ms */
export function afterPause(run, ms) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(run, ms);
  };
}
