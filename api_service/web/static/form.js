// The form around the editor: its fields and its table of tests, as one value that drafts, links and calls are made of.

import { byId, locale, number, t } from "./page.js";

const MEBIBYTE = 2 ** 20;
const FIELDS = ["language", "stdin", "args", "compiler_args", "cpu_s", "memory_mib", "email", "checker"];
/** The limits that the form has no field for. */
const OTHER_LIMITS = ["wall_s", "output_bytes", "processes"];

/**
 * @typedef {object} Test A row of the table. `rest` is what an opened submission has besides.
 * @property {string} stdin @property {string} expected @property {boolean} hidden @property {any} [rest]
 */
/** @typedef {{fields: Record<string, string>, tests: Test[], rest: any}} Content `rest` is as for a test. */

const form = byId("program");
const tests = byId("tests");
/** The problem of the page, to which the form is sent; "" on other pages. @type {string} */
export const PROBLEM = form.dataset.problem;
/** @type {any} */
let rest = {};

/** @param {Partial<Test>} [test] */
export function addTest({ stdin = "", expected = "", hidden = false, rest = null } = {}) {
  const row = byId("test-row").content.firstElementChild.cloneNode(true);
  const [input, output] = row.querySelectorAll("textarea");
  input.value = stdin;
  output.value = expected;
  row.rest = rest;
  row.querySelector("input").checked = hidden;
  row.querySelector("button").addEventListener("click", () => {
    row.remove();
    numberTests();
    form.dispatchEvent(new Event("input"));
    byId("add-test").focus();
  });
  tests.append(row);
  numberTests();
  return input;
}

function numberTests() {
  [...tests.children].forEach((row, index) => {
    row.querySelector("th").textContent = number(index + 1);
    row.querySelectorAll("[aria-label]").forEach((/** @type {Element} */ field) => {
      const name = /** @type {HTMLElement} */ (field).dataset.label ?? "";
      field.setAttribute("aria-label", t("of_test", { what: name, number: number(index + 1) }));
    });
  });
  describeSections();
}

/** @returns {Test[]} */
function readTests() {
  return [...tests.children]
    .map((row) => {
      const [input, output] = row.querySelectorAll("textarea");
      return { stdin: input.value, expected: output.value, hidden: row.querySelector("input").checked, rest: row.rest };
    })
    .filter((test) => test.stdin !== "" || test.expected !== "" || test.rest);
}

/** Say in the heading of each closed section what is in it. */
export function describeSections() {
  const count = readTests().length;
  byId("tests-summary").textContent = count ? number(count) : "";
  byId("mail-summary").textContent = form.email.value;
  const limits = [form.args.value && t("arguments"), (form.cpu_s.value || form.memory_mib.value) && t("limits")];
  byId("options-summary").textContent = limits.filter(Boolean).join(", ");
  byId("stdin-field").hidden = count > 0;
  byId("stdin-unused").hidden = count === 0;
  byId("judge-unsent").hidden = rest.judged !== true;
  const task = taskOf(rest);
  byId("of-task").hidden = !task;
  byId("of-task").textContent = t("of_task", { task });
  for (const name of ["stdin", "tests", "args"]) byId(name).closest("details").hidden = PROBLEM ? name !== "stdin" : task !== "";
}

/** Return the task that the program is sent to: its input, tests, arguments and limits are not the form's. @param {any} rest */
const taskOf = (rest) => (!PROBLEM && typeof rest?.problem === "string" ? rest.problem : "");

/** @returns {Content} */
export function read() {
  return { fields: Object.fromEntries(FIELDS.map((name) => [name, form[name].value])), tests: readTests(), rest };
}

/** Fill in the form. What a link or a draft holds may be anything. @param {Partial<Content>} content */
export function fill(content) {
  for (const name of FIELDS) {
    const value = content.fields?.[name];
    form[name].value = value === undefined || value === null ? "" : String(value);
  }
  if (!form.language.value) form.language.selectedIndex = 0;
  if (!form.checker.value) form.checker.selectedIndex = 0;
  rest = content.rest ?? {};
  tests.replaceChildren();
  for (const { stdin, expected, hidden, rest } of Array.isArray(content.tests) ? content.tests : []) {
    addTest({ stdin: String(stdin ?? ""), expected: String(expected ?? ""), hidden: hidden === true, rest });
  }
  for (const details of form.querySelectorAll("details")) {
    details.open ||= [...details.querySelectorAll("input, textarea")].some((field) => field.value && field.type !== "checkbox");
  }
  describeSections();
}

/** Return the content of the form of a submission. @param {any} submission @param {any} sent What `/sent/{id}` answers. */
export function contentOf(submission, { stdin, expected_output, tests, limits }) {
  if (submission.problem) {
    const fields = { language: submission.language, compiler_args: submission.compiler_args.join(" ") };
    return { fields, tests: [], rest: { problem: submission.problem } };
  }
  const argsOf = (/** @type {any} */ test) => test.args.join("\n");
  const areArgsOfAll = tests.every((/** @type {any} */ test) => argsOf(test) === argsOf(tests[0]));
  const args = tests.length ? (areArgsOfAll ? tests[0].args : []) : submission.args;
  const mebibytes = limits.memory_bytes && limits.memory_bytes / MEBIBYTE;
  const rows = tests.map((/** @type {any} */ test, /** @type {number} */ index) => ({
    stdin: test.stdin,
    expected: test.expected_output ?? "",
    hidden: test.hidden,
    rest: {
      ...(test.expected_output === null && { expected_output: null }),
      ...(test.name !== String(index + 1) && { name: test.name }),
      ...(test.points !== 1 && { points: test.points }),
      ...(Object.values(test.limits ?? {}).some((limit) => limit !== null) && { limits: test.limits }),
      ...(!areArgsOfAll && { args: test.args }),
    },
  }));
  if (!tests.length && expected_output !== null) rows.push({ stdin, expected: expected_output, hidden: false, rest: {} });
  // An interactor has none.
  const checker = submission.checker ?? { kind: "lines" };
  return {
    fields: {
      language: submission.language,
      stdin,
      args: args.join("\n"),
      compiler_args: submission.compiler_args.join(" "),
      cpu_s: limits.cpu_s ?? "",
      memory_mib: Number.isInteger(mebibytes) ? mebibytes : "",
      checker: checker.kind,
    },
    tests: rows,
    rest: {
      stop_at_first_failure: submission.stop_at_first_failure,
      stop_after_time_limits: submission.stop_after_time_limits,
      tolerance: checker.tolerance,
      ...(checker.kind === "icpc" && { checker_args: checker.args }),
      ...((checker.kind === "program" || !submission.checker) && { judged: true }),
      limits: { ...limits, cpu_s: null, ...(Number.isInteger(mebibytes) && { memory_bytes: null }) },
    },
  };
}

/**
 * Return the keys of a submission that the form holds, as API v1 takes them.
 * @param {Content} content @param {boolean} [isForInput] The program only runs with the input of the form.
 */
export function asBody({ fields, tests, rest }, isForInput = false) {
  const lines = (/** @type {string} */ text) => text.split("\n").filter((line) => line !== "");
  const args = lines(fields.args);
  const limits = {
    ...Object.fromEntries([...OTHER_LIMITS, "memory_bytes"].map((name) => [name, Number(rest.limits?.[name]) || null])),
    ...(fields.cpu_s && { cpu_s: Number(fields.cpu_s) }),
    ...(fields.memory_mib && { memory_bytes: Math.round(Number(fields.memory_mib) * MEBIBYTE) }),
  };
  const tolerance = fields.checker === "float" && Number.isFinite(rest.tolerance) ? { tolerance: rest.tolerance } : {};
  const words = fields.checker === "icpc" && Array.isArray(rest.checker_args) ? { args: rest.checker_args.map(String) } : {};
  const task = taskOf(rest);
  const program = {
    language: fields.language,
    compiler_args: byId("compiler-args-field").hidden ? null : fields.compiler_args.split(/\s+/).filter(Boolean),
    email: fields.email.trim() || null,
    locale,
  };
  if (isForInput) return { ...program, stdin: fields.stdin };
  if (PROBLEM || task) return { ...program, problem: PROBLEM || task };
  return {
    ...program,
    limits: Object.values(limits).some(Boolean) ? limits : null,
    ...(tests.length
      ? {
          checker: { kind: fields.checker, ...tolerance, ...words },
          stop_at_first_failure: rest.stop_at_first_failure === true,
          ...(rest.stop_after_time_limits && { stop_after_time_limits: rest.stop_after_time_limits }),
          tests: tests.map(({ stdin, expected, hidden, rest }) => ({
            args, expected_output: expected, ...rest, ...(expected && { expected_output: expected }), stdin, hidden,
          })),
        }
      : { stdin: fields.stdin, args }),
  };
}
