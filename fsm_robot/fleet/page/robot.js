// One robot looked into, and what one of its jobs printed; both go on being shown as they change.
import { cell, clock, fill, get, setText, span, status, t, told } from "./cells.js";

const JOB_HEADS = ["taken", "script", "outcome", "status", "seconds", "look"];
const FOLLOW_MS = 1000;
const LONGEST_SHOWN = 2000000;
const by = (id) => document.getElementById(id);
let robotOf = () => null;
let open = null;
let output = null;

export async function openRobot(key) {
  open = key;
  by("jobs").replaceChildren();
  setText(by("robot-error"), "");
  by("log").open = false;
  await lookIntoRobot();
  if (!by("robot").open) by("robot").showModal();
}

export async function lookIntoRobot() {
  const key = open;
  const robot = key && robotOf(key);
  if (!robot) return;
  setText(by("robot-title"), robot.host ? robot.host + ":" + robot.name : robot.name);
  facts(robot);
  const problems = robot.problems.map((problem) => problem.told || problem.text);
  if ([...by("robot-problems").children].map((item) => item.textContent).join("\n") !== problems.join("\n")) {
    by("robot-problems").replaceChildren(...problems.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  }
  if (robot.doing === "absent" || robot.doing === "unreadable") return fill("jobs", JOB_HEADS, []);
  try {
    const told = await get("/jobs.json?robot=" + encodeURIComponent(key));
    if (open !== key) return;
    setText(by("robot-error"), "");
    fill("jobs", JOB_HEADS, told.jobs.map((job) => [job.job, jobRow(key, job)]));
  } catch (error) {
    setText(by("robot-error"), error.message);
  }
}

function facts(robot) {
  const pairs = [
    ["doing", t(robot.doing) + (robot.since ? ", " + span(robot.since, new Date()) + ", " + t("since") + " " + clock(robot.since) : "")],
    ["paused", told(robot, "paused")], ["process", robot.pid === null ? t("does not run") : "pid " + robot.pid], ["script", robot.script], ["progress", told(robot, "progress")], ["job", robot.job],
    ["last run", robot.exit_code === null ? "" : t("exit code") + " " + robot.exit_code], ["last error", told(robot, "error")],
    ["schedule", robot.every_min === null ? t("not started by a schedule") : t("every") + " " + robot.every_min + " " + t("min")], ["next start", clock(robot.next_start)],
    ["last seen", clock(robot.seen_at)], ["result waits", robot.undelivered && t(robot.undelivered) + ", " + t("since") + " " + clock(robot.undelivered_since)],
    ["certificate ends", clock(robot.certificate_ends)], ["clock", robot.clock_off_s === null ? "" : robot.clock_off_s + " " + t("s ahead of the server's")],
    ["folder", robot.folder], ["version", robot.version],
  ];
  const nodes = pairs.filter(([, value]) => value).flatMap(([name, value]) => [
    Object.assign(document.createElement("dt"), { textContent: t(name) }), Object.assign(document.createElement("dd"), { textContent: value }),
  ]);
  const list = by("robot-facts");
  if (nodes.length !== list.children.length || nodes.some((node, n) => !node.isEqualNode(list.children[n]))) list.replaceChildren(...nodes);
}

function jobRow(key, job) {
  const look = document.createElement("span");
  const printed = Object.assign(document.createElement("button"), { className: "link", textContent: t("output") });
  printed.dataset.job = job.job;
  printed.dataset.script = job.script;
  printed.dataset.pictures = JSON.stringify(job.pictures);
  printed.setAttribute("aria-label", t("output of") + " " + job.script + ", " + job.job.slice(0, 8));
  const run = Object.assign(document.createElement("a"), { textContent: t("run"), target: "_blank", rel: "noopener" });
  run.href = "/run?robot=" + encodeURIComponent(key) + "&run=" + encodeURIComponent(job.run);
  run.setAttribute("aria-label", t("the run in the player:") + " " + job.script);
  if (job.has_output || job.pictures.length) look.append(printed, " ");
  look.append(run);
  return [
    cell(clock(job.taken_at)), cell(job.script), job.outcome ? status(job.outcome, "", job.outcome === "succeeded" ? "good" : job.outcome === "stopped" || job.outcome === "aborted" ? "warn" : "bad") : cell("-"),
    cell(t(job.status_name || "-") + (job.delivery === "delivered" || !job.status_name ? "" : " (" + t(job.delivery ? "refused" : "not delivered") + ")")),
    cell(job.seconds === null ? "" : job.seconds.toFixed(1), "number"), cell(look, "look"),
  ];
}

async function openOutput(key, job, script, pictures) {
  output = { key, job, from: 0 };
  setText(by("output-title"), script + ", " + job.slice(0, 8));
  setText(by("output-text"), "");
  setText(by("output-error"), "");
  by("pictures").replaceChildren(...pictures.map((name) => {
    const address = "/picture?robot=" + encodeURIComponent(key) + "&job=" + encodeURIComponent(job) + "&name=" + encodeURIComponent(name);
    const link = Object.assign(document.createElement("a"), { href: address, target: "_blank", rel: "noopener" });
    link.append(Object.assign(document.createElement("img"), { src: address, alt: t("screenshot") + ", " + name }));
    return link;
  }));
  by("output").showModal();
  await readOn(output);
}

async function readOn(what) {
  const pane = by("output-text");
  while (output === what) {
    try {
      const told = await get("/output.json?robot=" + encodeURIComponent(what.key) + "&job=" + encodeURIComponent(what.job) + "&from=" + what.from);
      if (output !== what) return;
      const grew = told.next > what.from;
      const atEnd = pane.scrollTop + pane.clientHeight >= pane.scrollHeight - 8;
      if (told.text) pane.append(told.text);
      if (pane.textContent.length > LONGEST_SHOWN) pane.textContent = "[" + t("the beginning is left out here") + "]\n" + pane.textContent.slice(-LONGEST_SHOWN / 2);
      if (by("follow").checked && (atEnd || what.from === 0)) pane.scrollTop = pane.scrollHeight;
      what.from = told.next;
      setText(by("output-error"), "");
      if (grew) continue;
    } catch (error) {
      setText(by("output-error"), error.message);
    }
    do await new Promise((done) => setTimeout(done, FOLLOW_MS)); while (output === what && !by("follow").checked);
  }
}

export function prepareDialogs(find) {
  robotOf = find;
  for (const dialog of document.querySelectorAll("dialog")) {
    dialog.querySelector(".close").addEventListener("click", () => dialog.close());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); }); // beside it
  }
  by("robot").addEventListener("close", () => { open = null; });
  by("output").addEventListener("close", () => { output = null; });
  by("jobs").addEventListener("click", (event) => {
    const button = event.target.closest("[data-job]");
    if (button) openOutput(open, button.dataset.job, button.dataset.script, JSON.parse(button.dataset.pictures));
  });
  by("log").addEventListener("toggle", async () => {
    if (!by("log").open || !open) return;
    try {
      setText(by("log-text"), (await get("/log.json?robot=" + encodeURIComponent(open))).text || t("nothing was written yet"));
      by("log-text").scrollTop = by("log-text").scrollHeight;
    } catch (error) {
      setText(by("log-text"), error.message);
    }
  });
}
