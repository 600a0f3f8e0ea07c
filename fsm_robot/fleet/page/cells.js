// Values -> cells of a table. What is the same stays, so that a selection, the focus and a screen reader's place survive.
export const KIND = { idle: "idle", paused: "warn", died: "bad", crashed: "bad", absent: "bad", unreadable: "bad", "never ran": "warn", succeeded: "good", failed: "bad", lost: "bad", stopped: "warn", aborted: "warn" };
// What the page says, in the language that the server has put into it; else as it stands.
const TEXTS = JSON.parse(document.getElementById("texts")?.textContent || "{}");

export function t(text) {
  return Object.hasOwn(TEXTS, text) ? TEXTS[text] : text;
}

const by = (id) => document.getElementById(id);

export async function get(path) {
  const answer = await fetch(path, { cache: "no-store" });
  const told = await answer.json();
  if (!answer.ok || told.error) throw new Error(told.error);
  return told;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function span(since, now) {
  const seconds = (new Date(now) - new Date(since)) / 1000;
  if (!since || Number.isNaN(seconds)) return "";
  for (const [unit, size] of [["d", 86400], ["h", 3600], ["min", 60]]) if (seconds >= 2 * size) return Math.round(seconds / size) + " " + t(unit);
  return Math.max(0, Math.round(seconds)) + " " + t("s");
}

export function clock(iso) {
  if (!iso) return "";
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return iso;
  return at.toDateString() === new Date().toDateString() ? at.toLocaleTimeString() : at.toLocaleString();
}

// What a robot says itself: the server tells it in its language, beside the English words.
export function told(robot, name) {
  return (robot.told && robot.told[name]) || robot[name];
}

export function cell(text, kind, small) {
  const td = document.createElement("td");
  if (kind) td.className = kind;
  td.append(text); // whatever a name holds, it is text
  if (small) {
    const more = document.createElement("small");
    more.textContent = small;
    td.append(more);
  }
  return td;
}

export function status(text, small, kind) {
  const mark = document.createElement("span");
  mark.className = "status " + (kind || KIND[text] || "busy");
  mark.textContent = t(text);
  return cell(mark, "", small);
}

// rows: [key, cells]; a row keeps its place in the document as long as its key is there.
export function fill(id, heads, rows) {
  const body = by(id);
  const old = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  const keys = new Set(rows.map(([key]) => key));
  for (const [key, row] of old) if (!keys.has(key)) row.remove();
  rows.forEach(([key, cells], place) => {
    let row = old.get(key);
    if (!row) {
      row = document.createElement("tr");
      row.dataset.key = key;
    }
    cells.forEach((td, column) => {
      td.dataset.head = t(heads[column]);
      const before = row.cells[column];
      if (!before) row.append(td);
      else if (!before.isEqualNode(td)) before.replaceWith(td);
    });
    if (body.rows[place] !== row) body.insertBefore(row, body.rows[place] || null);
  });
  by(id + "-table").hidden = rows.length === 0;
  by("no-" + id).hidden = rows.length > 0;
}
