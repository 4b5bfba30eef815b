// A link that holds a whole program. It is in the fragment of the address, which no browser sends to a server.

import { base64, bytesOf } from "./files.js";
import { root } from "./page.js";

const MARK = "#program=";
/** Longer addresses are cut by many programs that pass them on. */
const LONGEST = 32_000;
/** The most characters of a program. A small link may hold many. */
const MOST = 8 << 20;

/** Return true if the address of the page holds a program. */
export const isShared = () => location.hash.startsWith(MARK);

/** Return the link that holds this content, or null if it would be too long. @param {any} content */
export async function linkOf(content) {
  const packed = new Blob([JSON.stringify(content)]).stream().pipeThrough(new CompressionStream("deflate-raw"));
  const text = base64(new Uint8Array(await new Response(packed).arrayBuffer()));
  const address = new URL(MARK + text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, ""), root).href;
  return address.length > LONGEST ? null : address;
}

/** Return what the address of the page holds. It may be anything, but names no recipient. @returns {Promise<any>} */
export async function shared() {
  const packed = bytesOf(location.hash.slice(MARK.length).replaceAll("-", "+").replaceAll("_", "/"));
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const reader = unpacked.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    text += piece.value;
    if (text.length > MOST) throw new RangeError("the program is too large");
  }
  const content = JSON.parse(text);
  return { ...content, fields: { ...content.fields, email: "" } };
}
