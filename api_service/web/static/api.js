// Calls API v1 as any client does. The API key, if the server requires one, is kept in this tab, or in this browser.

import { root, t } from "./page.js";

const KEY = "precieux.key";
/** The key of a link, which others have too. It is used in its tab in place of a person's own, and leaves that alone. */
const LINK_KEY = "precieux.key.of_link";
/** Milliseconds before a stream that broke off is opened again. */
const RETRY_MS = 1000;

/** An answer that is a problem document (RFC 9457), or no answer at all. */
export class Problem extends Error {
  /** @param {number} status @param {string} detail @param {{pointer?: string, detail: string}[]} errors */
  constructor(status, detail, errors = []) {
    super(detail);
    this.status = status;
    this.errors = errors;
  }
}

/** @type {() => Promise<boolean>} Asks for an API key, and keeps it; false if the person does not give one. */
let askForKey = async () => false;

/** Set how a person is asked for an API key. @param {() => Promise<boolean>} ask */
export function onKeyNeeded(ask) {
  askForKey = ask;
}

const keptKey = () => sessionStorage.getItem(LINK_KEY) ?? sessionStorage.getItem(KEY) ?? localStorage.getItem(KEY);
export const hasKey = () => keptKey() !== null;
/** Keep a key: in this tab, or in this browser until it is forgotten. @param {string} key @param {boolean} isForLong */
export function keepKey(key, isForLong) {
  while (hasKey()) forgetKey();
  (isForLong ? localStorage : sessionStorage).setItem(KEY, key);
}
/** Forget the key that is used: that of a link alone, if there is one. */
export function forgetKey() {
  if (isKeyShared()) return sessionStorage.removeItem(LINK_KEY);
  sessionStorage.removeItem(KEY);
  localStorage.removeItem(KEY);
}

/** Return true if the key is that of a class: what was sent with it may be another's. */
export const isKeyShared = () => sessionStorage.getItem(LINK_KEY) !== null;

/** Keep the key of a link in this tab, and take it from the address, so that it is neither seen nor in the history. */
function takeKey() {
  const key = /^#key=([\w.~-]{1,500})$/.exec(location.hash)?.[1];
  if (!key) return false;
  sessionStorage.setItem(LINK_KEY, key);
  history.replaceState(history.state, "", location.pathname + location.search);
  return true;
}
takeKey();
// A link to the page that is open already.
window.addEventListener("hashchange", () => takeKey() && location.reload());

/** Milliseconds by which the server's clock is ahead. */
let skew = 0;
/** Return the time of the server. */
export const now = () => Date.now() + skew;

/**
 * Call API v1, and return the answer. Ask for an API key if the server wants one.
 * @param {string} path One that begins with a slash is not below /v1.
 * @param {RequestInit & {json?: unknown}} [options] `json` is a body.
 */
export async function call(path, { json, ...options } = {}) {
  for (;;) {
    const headers = new Headers(options.headers);
    const key = keptKey();
    if (key) headers.set("Authorization", `Bearer ${key}`);
    if (json !== undefined) headers.set("Content-Type", "application/json");
    const body = json === undefined ? options.body : JSON.stringify(json);
    const response = await fetch(new URL(path.startsWith("/") ? path.slice(1) : `v1/${path}`, root), { ...options, headers, body, cache: "no-store" }).catch(
      (error) => {
        throw error.name === "AbortError" ? error : new Problem(0, t("unreachable"));
      },
    );
    skew = (Date.parse(response.headers.get("Date") ?? "") || Date.now()) - Date.now();
    if (response.ok) return response;
    if (response.status === 401) {
      if (await askForKey()) continue;
    }
    throw await problemOf(response);
  }
}

/** Call API v1, and return the JSON of the answer. @param {string} path @param {RequestInit & {json?: unknown}} [options] */
export const ask = async (path, options) => (await call(path, options)).json();

/**
 * Return a page of this server as the key sees it. Only the browser itself may read HTML.
 * @param {string} address @returns {Promise<Document>}
 */
export async function pageOf(address) {
  for (;;) {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.setRequestHeader("Accept", "text/html");
    const key = keptKey();
    if (key) request.setRequestHeader("Authorization", `Bearer ${key}`);
    await new Promise((resolve) => {
      request.addEventListener("loadend", resolve);
      request.send();
    });
    const page = request.responseXML;
    const isRefused = request.status === 401 || page?.querySelector("[data-locked]");
    if (isRefused && (await askForKey())) continue;
    if (request.status === 200 && page && !isRefused) return page;
    throw new Problem(request.status, page?.querySelector("[role=alert]")?.textContent ?? t("unreachable"));
  }
}

/** @param {Response} response */
async function problemOf(response) {
  const document = await response.json().catch(() => ({}));
  return new Problem(response.status, document.detail ?? t("unreachable"), document.errors);
}

/**
 * Yield the events of a submission until it ends. Like an EventSource it resumes a stream that breaks off after the last
 * event, but it can send an API key.
 * @param {number} submission
 * @param {AbortSignal} signal Ends the stream.
 * @returns {AsyncGenerator<{id: string, name: string, data: any}>}
 */
export async function* events(submission, signal) {
  let last = "";
  while (!signal.aborted) {
    try {
      const response = await call(`submissions/${submission}/events`, {
        signal,
        headers: { Accept: "text/event-stream", ...(last && { "Last-Event-ID": last }) },
      });
      if (response.status === 204 || !response.body) return;
      for await (const event of parsed(response.body)) {
        last = event.id || last;
        yield event;
        if (event.name === "finished") return;
      }
    } catch (error) {
      if (signal.aborted) return;
      // What cannot be read will not get better; what cannot be reached may.
      if (error instanceof Problem && error.status >= 400 && error.status < 500) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
  }
}

/** Yield the events of a stream (the HTML standard's Server-Sent Events). @param {ReadableStream<Uint8Array>} body */
async function* parsed(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = { id: "", name: "", data: "" };
      for (const line of block.split("\n")) {
        if (line.startsWith("id: ")) event.id = line.slice(4);
        else if (line.startsWith("event: ")) event.name = line.slice(7);
        else if (line.startsWith("data: ")) event.data += line.slice(6);
      }
      if (event.name) yield { ...event, data: JSON.parse(event.data) };
    }
  }
}
