// Finds the lines of the program that compilers and interpreters complain about.

/** @typedef {{line: number, column: number | null, message: string, isWarning: boolean}} Mark */

/** The most marks of a program. */
const MOST = 50;

/**
 * Return the marks of one file.
 * @param {string} text What the compiler or the interpreter wrote.
 * @param {string} path The file.
 * @returns {Mark[]}
 */
export function marksOf(text, path) {
  const name = path.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  // main.c:3:5: · main.py", line 3 · Main.java:3: · main.cs(3,5): · main.pl line 3. · main.php on line 3 · main.rs:3:5
  const place = new RegExp(`(?:^|[\\s"'/(@])${name}(?:\\(|:|:? line |", line |:line |\\(\\d+\\) : | on line )(\\d+)(?:[:,](\\d+))?`);
  const lines = text.split("\n");
  /** @type {Mark[]} */
  const marks = [];
  // Python and Ruby name the place before the reason; the innermost place in the program is the one that counts.
  if (/^Traceback \(most recent call last\):|^ *File "/m.test(text)) {
    const places = lines.map((line) => place.exec(line)).filter((found) => found !== null);
    const reason = lines.findLast((line) => /^\S/.test(line)) ?? "";
    const last = places.at(-1);
    return last ? [{ line: Number(last[1]), column: null, message: reason, isWarning: false }] : [];
  }
  lines.forEach((line, index) => {
    const found = place.exec(line);
    if (!found || marks.length >= MOST) return;
    const number = Number(found[1]);
    const column = found[2] ? Number(found[2]) : null;
    const rest = line.slice(found.index + found[0].length).replace(/^[\s:).,\]]+/, "");
    // rustc writes the message one line before the place.
    const message = rest || (lines[index - 1] ?? "").trim() || line.trim();
    const said = rest ? line : message;
    if (/\bnote:/.test(said)) return;
    const isWarning = /\bwarning\b/i.test(line) || (!rest && /^warning/i.test(message));
    const mark = { line: number, column, message, isWarning };
    // Of texts that are no messages of a compiler, such as those of a stack, the first one about a line counts.
    const isOwn = /\berror\b|:\d+: \S/i.test(said);
    const known = marks.find((one) => one.line === number && (!isOwn || (one.column === column && one.message === message)));
    if (!known) marks.push(mark);
    else if (known.isWarning && !isWarning) Object.assign(known, mark);
  });
  return marks.filter((mark) => mark.line > 0);
}
