"use strict";
const EVERY_MS = 1000;
const KIND = {
  Success: "good", Failed: "bad", Aborted: "bad", Stopped: "warn", Stopping: "warn", Aborting: "warn",
  "In progress": "busy", Working: "busy", Ready: "good", Disconnected: "bad",
};
let shown = "";

function cell(text, kind) {
  const td = document.createElement("td");
  if (kind === "status") {
    const span = document.createElement("span");
    span.className = "status " + (KIND[text] || "idle");
    span.textContent = text;
    td.append(span);
    return td;
  }
  if (kind) td.className = kind;
  td.textContent = text; // whatever a name holds, it is text
  return td;
}

function count(number, word) {
  return number + " " + word + (number === 1 ? "" : "s");
}

function clock(iso) {
  return iso ? new Date(iso).toLocaleTimeString() : "";
}

function seconds(job, now) {
  if (!job.consumed_at) return "";
  const end = job.finished_at ? new Date(job.finished_at) : now;
  return ((end - new Date(job.consumed_at)) / 1000).toFixed(1);
}

function fill(id, rows) {
  const body = document.getElementById(id);
  rows.forEach((cells, number) => {
    const row = body.rows[number] || body.insertRow();
    // What is the same stays, so that a selection and a screen reader's place survive.
    cells.forEach((td, column) => {
      const old = row.cells[column];
      if (!old) row.append(td);
      else if (!old.isEqualNode(td)) old.replaceWith(td);
    });
  });
  while (body.rows.length > rows.length) body.deleteRow(-1);
  document.getElementById(id + "-table").hidden = rows.length === 0;
  document.getElementById("no-" + id).hidden = rows.length > 0;
}

function show(state) {
  const now = new Date(state.now);
  fill("robots", state.robots.map((r) => [
    cell(r.paused ? r.label + " (paused)" : r.label, "id"), cell(r.machine), cell(r.status, "status"), cell(r.status === "Working" ? r.job_name : ""),
    cell(clock(r.last_heartbeat), "time"),
  ]));
  fill("jobs", state.jobs.map((j) => [
    cell(j.guid.slice(0, 8), "id"), cell(j.name ? j.script + " (" + j.name + ")" : j.script), cell(j.status_word, "status"),
    cell(j.ordered), cell(j.robot, "id"), cell(clock(j.created_at), "time"), cell(seconds(j, now), "number"),
  ]));
  const open = state.jobs.filter((j) => !j.finished_at).length;
  const text = [count(state.robots.length, "robot"), count(state.all_jobs, "job"), open + " open"].join(", ");
  const summary = document.getElementById("summary");
  if (summary.textContent !== text) summary.textContent = text;
  document.getElementById("runs").hidden = !state.runs;
  document.getElementById("faults").textContent = state.faults.length ? "misbehaving on order: " + state.faults.join(", ") : "";
}

async function look() {
  try {
    const answer = await fetch("/state.json", { cache: "no-store" });
    const text = await answer.text();
    if (text !== shown) show(JSON.parse(text));
    shown = text;
  } catch (error) {
    document.getElementById("summary").textContent = "the orchestrator does not answer";
    shown = "";
  }
  setTimeout(look, EVERY_MS);
}
look();
