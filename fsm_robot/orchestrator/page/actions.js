// What the page does: a POST with the token that the page was told, and the same in words for a terminal.
import { setText, t } from "./tables.js";

let token = "";
let windows = false;

export function learn(state) {
  token = state.token;
  windows = state.windows;
  document.getElementById("reads-only").hidden = token !== "";
  for (const node of document.querySelectorAll(".acts, .orders")) node.hidden = token === "";
}

export async function act(action, fields) {
  const answer = await fetch("/page/" + action, {
    method: "POST", headers: { "Content-Type": "application/json", "X-Page-Token": token }, body: JSON.stringify(fields),
  });
  const found = await answer.json();
  if (!answer.ok) throw new Error(found.error || t("the orchestrator answers") + " " + answer.status);
  return found;
}

function word(text) {
  if (/^[\p{L}\p{N}_@%+=:,.\/\\-]+$/u.test(text) && !(text.includes("\\") && !windows)) return text;
  return windows ? '"' + text.replace(/"/g, '\\"') + '"' : "'" + text.replace(/'/g, "'\\''") + "'";
}

export function command(...words) {
  return ["fsm-robot", "orchestrator", ...words.map(word)].join(" ");
}

const LINES = {
  "job/enqueue": (f) => ["enqueue", f.script || "SCRIPT", ...(f.task ? ["--task", f.task] : []), ...(f.name ? ["--name", f.name] : []),
    ...(f.priority !== "2" ? ["--priority", f.priority] : []), ...(f.robot ? ["--robot", f.robot] : [])],
  "task/add": (f) => ["task", "add", f.queue || "QUEUE", ...(f.parameters ? [f.parameters] : []), ...(f.name ? ["--name", f.name] : []),
    ...(f.tags ? ["--tags", f.tags] : []), ...(f.priority !== "1" ? ["--priority", f.priority === "2" ? "high" : "low"] : [])],
  "job/stop": (f) => ["stop", f.guid],
  "job/abort": (f) => ["abort", f.guid],
  "task/retry": (f) => ["task", "retry", f.guid],
};

export function tellCommand(node, action, fields) {
  setText(node, command(...LINES[action](fields)));
}

export function prepareForm(form, done) {
  const fields = () => Object.fromEntries(new FormData(form));
  const action = form.dataset.act;
  const line = form.querySelector(".command code");
  const error = form.querySelector(".error");
  form.addEventListener("input", () => tellCommand(line, action, fields()));
  tellCommand(line, action, fields());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    error.textContent = "";
    try {
      const made = await act(action, fields());
      done(made);
      form.reset();
      tellCommand(line, action, fields());
    } catch (problem) {
      error.textContent = problem.message;
    }
  });
}
