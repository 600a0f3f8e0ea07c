// A job or a task looked into; it goes on being shown as it changes while the dialog is open.
import { act, tellCommand } from "./actions.js";
import { cell, clock, facts, fill, setText, t } from "./tables.js";

const SHOW = { job: showJob, task: showTask };
let open = null;

export function isOpen() {
  return open !== null;
}

export async function openDialog(kind, guid) {
  const dialog = document.getElementById(kind + "-dialog");
  dialog.querySelector(".error").textContent = "";
  open = { kind, guid, dialog };
  for (const button of dialog.querySelectorAll("[data-order]")) {
    calm(button);
    tellCommand(button.parentElement.querySelector("code"), button.dataset.order, { guid });
  }
  await lookInto();
  if (open && open.dialog === dialog && !dialog.open) dialog.showModal();
}

export async function lookInto() {
  if (!open) return;
  const { kind, guid, dialog } = open;
  const answer = await fetch("/" + kind + ".json?guid=" + encodeURIComponent(guid), { cache: "no-store" });
  const found = await answer.json();
  if (!answer.ok) setText(dialog.querySelector(".error"), found.error);
  else if (open && open.guid === guid) SHOW[kind](found);
}

function showJob(job) {
  setText(document.getElementById("job-title"), job.name || job.script);
  facts("job-facts", [
    ["status", t(job.status_word)], ["script", job.script], ["job", job.guid], ["robot", job.robot], ["order", t(job.ordered)],
    ["priority", t({ 1: "low", 2: "normal", 3: "high" }[job.priority])], ["source", job.source],
    ["tasks", job.tasks.map((task) => task.name + ": " + t(task.status_word)).join(", ")], ["created", clock(job.created_at)],
    ["taken", clock(job.consumed_at)], ["started", clock(job.started_at)], ["finished", clock(job.finished_at)],
    ["last line", job.last_message.split("\n")[0]], ["stop after", clock(job.stop_after)], ["abort after", clock(job.abort_after)],
  ]);
  for (const button of document.querySelectorAll("#job-orders button")) button.disabled = job.ended;
  fill("job-lines", job.lines.map((line) => [line.seq, [cell(clock(line.at), "time"), cell(line.level, "status"), cell(line.message)]]));
}

function showTask(task) {
  setText(document.getElementById("task-title"), task.name);
  facts("task-facts", [
    ["status", t(task.status_word)], ["queue", task.queue], ["task", task.guid], ["priority", t(task.priority)], ["tags", task.tags],
    ["job", task.job], ["robot", task.robot], ["comment", task.comment], ["description", task.description],
    ["repeats", task.parent_task], ["retries left", String(task.retries)], ["created", clock(task.created)], ["started", clock(task.started)],
    ["postponed to", clock(task.postponed)], ["deadline", clock(task.deadline)], ["finished", clock(task.finished)],
    ["parameters", task.parameters],
  ]);
  fill("moves", task.moves.map((move, number) => [number, [
    cell(clock(move.at), "time"), cell(t(move.before || "")), cell(move.after, "status"), cell(move.robot, "id"), cell(move.job.slice(0, 8), "id"),
    cell(move.reason),
  ]]));
}

function calm(button) {
  if (button.dataset.calm) button.textContent = button.dataset.calm;
}

// What cannot be taken back is asked for twice.
function isSure(button) {
  if (!button.dataset.sure || button.textContent === button.dataset.sure) return true;
  button.dataset.calm = button.textContent;
  button.textContent = button.dataset.sure;
  return false;
}

export function prepareDialogs(done) {
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.addEventListener("close", () => { open = null; });
    dialog.querySelector(".close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", async (event) => {
      if (event.target === dialog) dialog.close(); // beside it
      const button = event.target.closest("[data-order]");
      if (!button || !open || !isSure(button)) return;
      const error = dialog.querySelector(".error");
      error.textContent = "";
      try {
        const made = await act(button.dataset.order, { guid: open.guid });
        calm(button);
        done(button.dataset.order, made);
        await lookInto();
      } catch (problem) {
        error.textContent = problem.message;
      }
    });
  }
}
