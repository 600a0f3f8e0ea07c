// The table of robots.
import { KIND, cell, clock, fill, get, setText, span, status, t, told } from "./cells.js";
import { lookIntoRobot, openRobot, prepareDialogs } from "./robot.js";

const EVERY_MS = 2000;
const SOON_DAYS = 14;
const HEADS = ["robot", "doing", "script", "last job", "next start", "waiting", "disk", "certificate", "problems"];
const by = (id) => document.getElementById(id);
let fleet = null;

const keyOf = (robot) => robot.host + "|" + robot.folder;
const called = (robot) => (robot.host ? robot.host + ":" + robot.name : robot.name);

function row(robot, now) {
  const open = document.createElement("button");
  open.className = "link";
  open.dataset.robot = keyOf(robot);
  open.textContent = called(robot);
  const has = (kind) => robot.problems.some((problem) => problem.kind === kind);
  const waiting = [robot.undelivered ? t("a result") : "", robot.lines_waiting ? robot.lines_waiting + " " + t("lines") : ""].filter(Boolean).join(", ");
  const days = robot.certificate_ends ? Math.floor((new Date(robot.certificate_ends) - new Date(now)) / 86400000) : null;
  return [keyOf(robot), [
    cell(open), status(robot.doing, robot.paused && robot.doing !== "paused" ? told(robot, "paused") : span(robot.since, now)),
    cell(robot.script, "", told(robot, "progress")),
    robot.last_script ? status(robot.last_outcome, robot.last_script + (robot.last_ended_at ? ", " + clock(robot.last_ended_at) : ""), KIND[robot.last_outcome] || "bad") : cell(""),
    cell(clock(robot.next_start), has("late") ? "bad" : ""), cell(waiting, has("undelivered") ? "bad" : ""),
    cell(robot.disk_free_mib === null ? "" : size(robot.disk_free_mib), has("disk") ? "number bad" : "number"),
    cell(days === null ? "" : days + " " + t("days"), days !== null && days < SOON_DAYS ? "bad" : ""),
    cell(robot.problems.map((problem) => problem.told || problem.text).join("; "), "problems"),
  ]];
}

function size(mib) {
  return mib < 1024 ? mib + " MiB" : (mib / 1024).toFixed(1) + " GiB";
}

function fits(robot) {
  if (by("sick").checked && !robot.problems.length) return false;
  const words = [called(robot), robot.folder, robot.doing, robot.script, robot.last_script, ...robot.problems.map((each) => each.told || each.text)].join(" ");
  return words.toLowerCase().includes(by("find").value.trim().toLowerCase());
}

const ORDERS = {
  file: () => 0,
  sick: (a, b) => (b.problems.length > 0) - (a.problems.length > 0),
  seen: (a, b) => b.seen_at.localeCompare(a.seen_at),
};

function show() {
  if (!fleet) return;
  const robots = fleet.robots;
  const sick = robots.filter((robot) => robot.problems.length).length;
  const busy = robots.filter((robot) => robot.job && robot.pid).length;
  setText(by("summary"), robots.length + " " + t(robots.length === 1 ? "robot" : "robots") + ", " + busy + " " + t("working") + ", " + (sick ? sick + " " + t("with a problem") : t("all well")));
  document.title = (sick ? "(" + sick + ") " : "") + "fsm_robot: " + t("fleet");
  setText(by("seen"), t("Looked at") + " " + clock(fleet.at) + ": " + fleet.fleet);
  fill("robots", HEADS, robots.filter(fits).sort(ORDERS[by("order").value]).map((robot) => row(robot, fleet.now)));
}

function robotOf(key) {
  return fleet && fleet.robots.find((robot) => keyOf(robot) === key);
}

async function look() {
  try {
    fleet = await get("/fleet.json");
    setText(by("trouble"), "");
    show();
    await lookIntoRobot();
  } catch (error) {
    setText(by("trouble"), t("the page is out of date") + ": " + (error.message || t("fsm-robot dashboard does not answer")));
  }
  setTimeout(look, EVERY_MS);
}

for (const id of ["find", "sick", "order"]) by(id).addEventListener("input", show);
by("robots").addEventListener("click", (event) => {
  const button = event.target.closest("[data-robot]");
  if (button) openRobot(button.dataset.robot);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !event.target.closest("input, textarea, dialog")) {
    event.preventDefault();
    by("find").focus();
  }
});
prepareDialogs(robotOf);
look();
