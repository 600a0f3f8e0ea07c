// Rows of values -> rows of a table. What is the same stays, so that a selection, the focus and a screen reader's place survive.
const KIND = {
  Success: "good", Failed: "bad", Aborted: "bad", Stopped: "warn", Stopping: "warn", Aborting: "warn",
  "In progress": "busy", Working: "busy", Ready: "good", Disconnected: "bad",
  "Failed (Application)": "bad", "Failed (Business)": "warn", Abandoned: "bad", Postponed: "warn", New: "idle",
  Warning: "warn", Error: "bad", Critical: "bad", Info: "idle", Debug: "idle", Notice: "idle",
};

// What the page says, in the language that the server has put into it; else as it stands.
const TEXTS = JSON.parse(document.getElementById("texts")?.textContent || "{}");

export function t(text) {
  return Object.hasOwn(TEXTS, text) ? TEXTS[text] : text;
}

export function cell(text, kind) {
  const td = document.createElement("td");
  if (kind === "status") {
    const span = document.createElement("span");
    span.className = "status " + (KIND[text] || "idle");
    span.textContent = t(text);
    td.append(span);
    return td;
  }
  if (kind) td.className = kind;
  td.textContent = text; // whatever a name holds, it is text
  return td;
}

// A cell that opens something: `opens` is the kind, `id` what is opened.
export function opener(text, opens, id, label) {
  const td = document.createElement("td");
  const button = document.createElement("button");
  button.className = "link";
  button.dataset.opens = opens;
  button.dataset.id = id;
  button.textContent = text;
  if (label) button.setAttribute("aria-label", label);
  td.className = "id";
  td.append(button);
  return td;
}

export function clock(iso) {
  if (!iso) return "";
  const at = new Date(iso);
  return at.toDateString() === new Date().toDateString() ? at.toLocaleTimeString() : at.toLocaleString();
}

export function count(number, word) {
  const many = word + "s";
  return t(many) === many ? number + " " + (number === 1 ? word : many) : t(many) + ": " + number;
}

export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function write(row, cells) {
  cells.forEach((td, column) => {
    const old = row.cells[column];
    if (!old) row.append(td);
    else if (!old.isEqualNode(td)) old.replaceWith(td);
  });
}

// rows: [key, cells]; a row keeps its place in the document as long as its key is there.
export function fill(id, rows) {
  const body = document.getElementById(id);
  const old = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  const keys = new Set(rows.map(([key]) => String(key)));
  for (const [key, row] of old) if (!keys.has(key)) row.remove();
  rows.forEach(([key, cells], place) => {
    let row = old.get(String(key));
    if (!row) {
      row = document.createElement("tr");
      row.dataset.key = key;
    }
    write(row, cells);
    if (body.rows[place] !== row) body.insertBefore(row, body.rows[place] || null);
  });
  document.getElementById(id + "-table").hidden = rows.length === 0;
  document.getElementById("no-" + id).hidden = rows.length > 0;
}

export function facts(id, pairs) {
  const list = document.getElementById(id);
  const nodes = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "").flatMap(([name, value]) => {
    const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
    dt.textContent = t(name);
    dd.textContent = value;
    return [dt, dd];
  });
  const same = nodes.length === list.children.length && nodes.every((node, n) => node.isEqualNode(list.children[n]));
  if (!same) list.replaceChildren(...nodes);
}
