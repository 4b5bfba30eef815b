const words = require("node:fs").readFileSync(0, "utf8").trim().split(/\s+/);
const groups = new Map();
for (const word of words) {
  const letters = [...word].sort().join("");
  groups.set(letters, [...(groups.get(letters) ?? []), word]);
}
for (const group of groups.values()) {
  if (group.length > 1) console.log(group.join(" "));
}
