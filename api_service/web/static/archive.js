// Unpacks the archive of a program's files, as the server packs it: no encryption, no comment, sizes below 4 GiB.
// APPNOTE.TXT 6.3.10, sections 4.3.7 (local file header), 4.3.12 (central directory) and 4.3.16 (its end).

const DEFLATED = 8;

/**
 * Return the files of an archive, in their order.
 * @param {ArrayBuffer} buffer
 * @returns {Promise<{path: string, data: Uint8Array}[]>}
 */
export function unpack(buffer) {
  const view = new DataView(buffer);
  const end = buffer.byteLength - 22; // where the end of the central directory begins
  const files = [];
  let entry = view.getUint32(end + 16, true);
  for (let left = view.getUint16(end + 10, true); left > 0; left--) {
    const nameLength = view.getUint16(entry + 28, true);
    const local = view.getUint32(entry + 42, true);
    const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    const packed = new Uint8Array(buffer, start, view.getUint32(entry + 20, true));
    const path = new TextDecoder().decode(new Uint8Array(buffer, entry + 46, nameLength));
    const method = view.getUint16(entry + 10, true);
    files.push(dataOf(packed, method).then((data) => ({ path, data })));
    entry += 46 + nameLength + view.getUint16(entry + 30, true) + view.getUint16(entry + 32, true);
  }
  return Promise.all(files);
}

/** @param {Uint8Array} packed @param {number} method */
async function dataOf(packed, method) {
  if (method !== DEFLATED) return packed;
  const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}
