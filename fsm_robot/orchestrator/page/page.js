// The tabs: which one is shown, and what it shows.
import { command, learn, prepareForm } from "./actions.js";
import { isOpen, lookInto, openDialog, prepareDialogs } from "./dialogs.js";
import { cell, clock, count, fill, opener, setText, t } from "./tables.js";

const EVERY_MS = 1000;
const SHOWN_LINES = 500;
const by = (id) => document.getElementById(id);
const tabs = [...document.querySelectorAll("[role=tab]")];
const LOOK = { queues: lookAtQueues, logs: lookAtLogs, assets: lookAtAssets, files: lookAtFiles };
let queue = null;
let lines = [];
let filter = "";
let timer = 0;
let looking = false;

async function get(path) {
  const answer = await fetch(path, { cache: "no-store" });
  if (!answer.ok) throw new Error((await answer.json()).error);
  return answer.json();
}

function seconds(job, now) {
  if (!job.consumed_at) return "";
  const end = job.finished_at ? new Date(job.finished_at) : now;
  return ((end - new Date(job.consumed_at)) / 1000).toFixed(1);
}

// A traceback begins with what it is of.
function firstLine(text) {
  const line = text.split("\n")[0];
  return line.length > 80 ? line.slice(0, 80) + "…" : line;
}

function show(state) {
  const now = new Date(state.now);
  learn(state);
  fill("robots", state.robots.map((r) => [r.label, [
    cell(r.paused ? r.label + " (" + t("paused") + ")" : r.label, "id"), cell(r.machine), cell(r.status, "status"), cell(r.status === "Working" ? r.job_name : ""),
    cell(clock(r.last_heartbeat), "time"),
  ]]));
  fill("jobs", state.jobs.map((j) => [j.guid, [
    opener(j.guid.slice(0, 8), "job", j.guid, t("look into job") + " " + j.guid.slice(0, 8)), cell(j.name ? j.script + " (" + j.name + ")" : j.script),
    cell(j.status_word, "status"), cell(t(j.ordered)), cell(j.robot, "id"), cell(clock(j.created_at), "time"), cell(seconds(j, now), "number"),
    cell(firstLine(j.last_message), "message"),
  ]]));
  offer(by("enqueue").elements.robot, state.robots.map((r) => r.label));
  const open = state.jobs.filter((j) => !j.finished_at).length;
  setText(by("summary"), [count(state.robots.length, "robot"), count(state.all_jobs, "job"), open + " " + t("open")].join(", "));
  by("has-runs").hidden = !state.runs;
  by("has-no-runs").hidden = state.runs;
  const held = state.held.length ? [t("holding answers back until released:") + " " + state.held.join(", ")] : [];
  const faults = state.faults.length ? [t("faults in force:") + " " + state.faults.join(", ")] : [];
  setText(by("faults"), [...faults, ...held].join("; "));
}

// The choices of a list, but for its first; what was chosen stays chosen.
function offer(list, names) {
  const known = [...list.options].map((option) => option.value);
  for (const name of names) if (!known.includes(name)) list.append(new Option(name, name));
}

async function lookAtQueues() {
  const queues = await get("/queues.json");
  fill("queue-list", queues.map((q) => [q.guid, [
    opener(q.name, "queue", q.guid), ...Object.values(q.tasks).map((number) => cell(number ? String(number) : "", "number")),
  ]]));
  const names = by("queue-names");
  if (names.children.length !== queues.length) names.replaceChildren(...queues.map((q) => new Option(q.name, q.name)));
  const chosen = queues.find((q) => q.guid === queue);
  by("queue-open").hidden = !chosen;
  if (!chosen) return;
  setText(by("tasks-title"), t("Tasks of") + " " + chosen.name);
  const tasks = await get("/tasks.json?queue=" + queue + "&status=" + by("task-status").value);
  fill("tasks", tasks.map((k) => [k.guid, [
    opener(k.guid.slice(0, 8), "task", k.guid, t("look into task") + " " + k.name), cell(k.name), cell(k.status_word, "status"), cell(k.tags.replaceAll(";", "; ")),
    k.job ? opener(k.job.slice(0, 8), "job", k.job, t("look into job") + " " + k.job.slice(0, 8)) : cell(""), cell(k.robot, "id"), cell(k.comment),
    cell(clock(k.created), "time"), cell(clock(k.finished), "time"),
  ]]));
}

async function lookAtLogs() {
  const [job, level] = [by("log-job").value.trim(), by("log-level").value];
  const wanted = JSON.stringify([job, level]);
  if (wanted !== filter) lines = [];
  else if (!by("follow").checked) return;
  filter = wanted;
  const after = lines.length ? lines[lines.length - 1].seq : 0;
  const found = await get("/logs.json?" + new URLSearchParams({ after, job, level }));
  if (wanted !== filter) return; // another filter was chosen meanwhile
  lines = [...lines, ...found].slice(-SHOWN_LINES);
  fill("lines", lines.map((l) => [l.seq, [
    cell(clock(l.at), "time"), cell(l.level, "status"), cell(l.robot, "id"), cell(l.job.slice(0, 8), "id"), cell(l.message, "message"),
  ]]));
  const scroll = by("lines-table");
  if (found.length && by("follow").checked) scroll.scrollTop = scroll.scrollHeight;
  const words = ["log", ...(job ? [job] : []), "--follow", ...(level ? ["--level", level.toLowerCase()] : [])];
  setText(by("log-command"), command(...words));
}

async function lookAtAssets() {
  const assets = await get("/assets.json");
  fill("asset-list", assets.map((a) => [a.guid, [cell(a.name), cell(t(a.type)), cell(a.scope), cell(a.description), cell(clock(a.updated), "time")]]));
}

async function lookAtFiles() {
  const files = await get("/files.json");
  fill("file-list", files.map((f) => [f.guid, [cell(f.folder), cell(f.name), cell(f.size.toLocaleString(), "number"), cell(clock(f.updated), "time")]]));
}

function chosenTab() {
  return tabs.find((tab) => tab.getAttribute("aria-controls") === location.hash.slice(2)) || tabs[0];
}

function showTab() {
  for (const tab of tabs) {
    const chosen = tab === chosenTab();
    tab.setAttribute("aria-selected", chosen);
    tab.tabIndex = chosen ? 0 : -1;
    by(tab.getAttribute("aria-controls")).hidden = !chosen;
  }
  now();
}

function tell(text) {
  by("told").textContent = text;
}

async function look() {
  if (looking) return;
  looking = true;
  clearTimeout(timer);
  try {
    show(await get("/state.json"));
    const more = LOOK[chosenTab().getAttribute("aria-controls")];
    if (more) await more();
    if (isOpen()) await lookInto();
  } catch (error) {
    setText(by("summary"), error instanceof TypeError ? t("the orchestrator does not answer") : error.message);
  }
  looking = false;
  timer = setTimeout(look, EVERY_MS);
}

function now() {
  clearTimeout(timer);
  timer = setTimeout(look, 0);
}

// With a slash the address names no element: a browser would move there and take the focus from the tab.
for (const tab of tabs) tab.addEventListener("click", () => { location.hash = "/" + tab.getAttribute("aria-controls"); });
document.querySelector("[role=tablist]").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1, Home: -tabs.length, End: tabs.length }[event.key];
  if (!step) return;
  event.preventDefault();
  const place = tabs.indexOf(document.activeElement) + step;
  const next = Math.abs(step) > 1 ? tabs[step > 0 ? tabs.length - 1 : 0] : tabs[(place + tabs.length) % tabs.length];
  next.focus();
  next.click();
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-opens]");
  if (!button) return;
  if (button.dataset.opens === "queue") {
    queue = button.dataset.id;
    now();
  } else openDialog(button.dataset.opens, button.dataset.id);
});
for (const id of ["task-status", "log-level", "log-job", "follow"]) by(id).addEventListener("input", now);
prepareForm(by("enqueue"), (made) => { tell("job " + made.guid.slice(0, 8) + " is enqueued"); now(); });
prepareForm(by("add-task"), (made) => { tell("task " + made.guid.slice(0, 8) + " is added"); now(); });
prepareDialogs((order, made) => {
  tell(order === "task/retry" ? "task " + made.guid.slice(0, 8) + " is put in again" : "job " + made.guid.slice(0, 8) + " is " + made.status_word);
  now();
});
window.addEventListener("hashchange", showTab);
showTab();
