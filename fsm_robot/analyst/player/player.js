"use strict";
// The run player. Everything that came from outside is shown by textContent; nothing here makes markup of a text.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const t = data.texts;
  const $ = (id) => document.getElementById(id);
  const [SEQ, AT, MONO, EVENT, KIND, SOURCE, DEST, EDGE, JOB, DATA] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
  const FASTEST = 30, BEFORE = 3, NEAR = 14, MOST_PRINTED = 2000;
  const HUES = [212, 28, 140, 330, 265, 180, 0, 50, 100, 300, 240, 160];
  const NO_RUN = { name: "", jobs: [], steps: [], exit: null, problem: "" }, KEPT = 10;
  let run = null, shown = [], place = 0, playing = 0, lit = [], scale = 1, chosen = -1;
  const fetched = [];

  // A state may be called `constructor`, which every object has.
  const own = (table, key) => (Object.prototype.hasOwnProperty.call(table, key) ? table[key] : undefined);
  const stateOf = (name) => own(data.states, name) || { id: "", title: name, about: "", callback: "", answers: [] };
  const eventOf = (name) => own(data.events, name) || { title: name === "started" ? t.started : name, about: "" };
  const fill = (text, ...values) => text.replace(/\{(\d)\}/g, (_, n) => String(values[n]));
  const stamp = (step) => `${step[AT].slice(0, 10)} ${step[AT].slice(11, 23)} UTC`;
  const make = (name, text) => { const made = document.createElement(name); made.textContent = text; return made; };

  function duration(s) {
    if (s < 1) return fill(t.millisecond, Math.round(s * 1000));
    if (s < 10) return fill(t.second, s.toFixed(1));
    const whole = Math.round(s);
    if (whole < 60) return fill(t.second, whole);
    if (whole < 3600) return fill(t.minute, Math.floor(whole / 60), whole % 60);
    return fill(t.hour, Math.floor(whole / 3600), Math.floor((whole % 3600) / 60));
  }

  // ---- what is shown: one run, some of its steps

  async function choose(number) {
    chosen = number;
    if (!data.runs[number].steps) {
      show(NO_RUN);
      announce(t.fetching);
      const problem = await fetchRun(number);
      if (chosen !== number) return false;  // somebody has chosen another one meanwhile
      if (problem) { announce(fill(t.not_fetched, problem)); return false; }
    }
    show(data.runs[number]);
    return true;
  }

  // Returns what went wrong, or an empty text.
  async function fetchRun(number) {
    const listed = data.runs[number];
    try {
      const answer = await fetch(`${data.address}?folder=${listed.folder}&name=${encodeURIComponent(listed.file)}`);
      const found = await answer.json();
      if (!answer.ok) return found.error;
      data.runs[number] = found;
    } catch (error) {
      return error.message;
    }
    fetched.push(() => { data.runs[number] = listed; });
    if (fetched.length > KEPT) fetched.shift()();
    $("run").options[number].text = label(data.runs[number]);
    return "";
  }

  function announce(text) {
    $("where").textContent = text;
    $("event").textContent = text;
  }

  const label = (each) => {
    const when = each.started ? `${each.started.slice(0, 10)} ${each.started.slice(11, 16)}` : each.name;
    const end = each.steps ? [each.exit === null ? "…" : fill(t.exited, each.exit)] : [];
    return [when, ...end].join(" · ");
  };

  function show(which) {
    run = which;
    $("job").replaceChildren(new Option(fill(t.all_jobs, run.jobs.length), ""));
    run.jobs.forEach((job, at) => $("job").add(new Option(`${job.script} · ${job.guid}`, String(at))));
    const outcomes = [...new Set(run.jobs.map((job) => job.outcome).filter(Boolean))].sort();
    $("outcome").replaceChildren(new Option(t.all_outcomes, ""));
    outcomes.forEach((outcome) => $("outcome").add(new Option(outcome, outcome)));
    filter();
  }

  function filter() {
    const job = $("job").value, outcome = $("outcome").value;
    shown = [];
    run.steps.forEach((step, at) => {
      const known = step[JOB] >= 0 ? run.jobs[step[JOB]] : null;
      if (job !== "" && step[JOB] !== Number(job)) return;
      if (outcome !== "" && (!known || known.outcome !== outcome)) return;
      shown.push(at);
    });
    $("slider").max = String(Math.max(0, shown.length - 1));
    $("slider").disabled = shown.length < 2;
    drawStrip();
    go(0);
  }

  // ---- one step

  function go(to) {
    place = Math.max(0, Math.min(shown.length - 1, to));
    const step = shown.length ? run.steps[shown[place]] : null;
    $("slider").value = String(place);
    $("slider").setAttribute("aria-valuetext", step ? `${place + 1}: ${eventOf(step[EVENT]).title}` : t.nothing);
    light(step);
    tell(step);
    nearby();
    moveCursor();
    $("where").textContent = step ? fill(t.where, place + 1, shown.length) : t.nothing;
  }

  function light(step) {
    for (const [element, name] of lit) element.classList.remove(name);
    lit = [];
    if (!step) return;
    const put = (element, name) => { if (element) { element.classList.add(name); lit.push([element, name]); } };
    const here = $(stateOf(step[DEST]).id);
    put(here, "lit");
    if (step[SOURCE] && step[SOURCE] !== step[DEST]) put($(stateOf(step[SOURCE]).id), "left");
    const edge = step[EDGE] ? $(`edge-${step[EDGE]}`) : null;
    put(edge, "lit");
    if (edge) put(edge.closest(".route"), "lit");
    if (here) reveal(here);
  }

  function reveal(element) {
    const map = $("map"), frame = map.getBoundingClientRect(), box = element.getBoundingClientRect();
    const margin = 40;
    if (box.top < frame.top + margin || box.bottom > frame.bottom - margin) map.scrollTop += (box.top + box.bottom - frame.top - frame.bottom) / 2;
    if (box.left < frame.left + margin || box.right > frame.right - margin) map.scrollLeft += (box.left + box.right - frame.left - frame.right) / 2;
  }

  function tell(step) {
    for (const id of ["event", "event-about", "answer", "due", "problem"]) $(id).textContent = "";
    $("move").replaceChildren();
    $("facts").replaceChildren();
    $("stamp").textContent = step ? `${stamp(step)} · ${fill(t.since, duration(step[MONO]))}` : "";
    if (!step) { $("event").textContent = t.nothing; return; }
    const event = eventOf(step[EVENT]);
    $("event").textContent = event.title;
    $("event-about").textContent = event.about;
    $("answer").textContent = whence(step);
    move(step);
    const next = stateOf(step[DEST]);
    if (next.callback && (step[KIND] === "taken" || step[KIND] === "started")) {
      $("due").append(`${t.then} `, make("code", next.callback), next.does ? `: ${next.does}` : "");
    }
    facts(step);
    $("problem").textContent = problem(step);
  }

  function whence(step) {
    if (!step[SOURCE] && step[KIND] === "started") return "";
    const from = stateOf(step[SOURCE] || step[DEST]);
    const took = dwell(step);
    if (from.callback && from.answers.includes(step[EVENT])) return fill(t.answered, from.callback, took);
    return fill(t.from_outside, took);
  }

  // How long the state before had lasted: since the step that led into it.
  function dwell(step) {
    let at = shown[place] - 1;
    while (at > 0 && !["taken", "started"].includes(run.steps[at][KIND])) at -= 1;
    return duration(Math.max(0, step[MONO] - (at < 0 ? 0 : run.steps[at][MONO])));
  }

  function move(step) {
    const to = stateOf(step[DEST]).title, from = step[SOURCE] ? stateOf(step[SOURCE]).title : "";
    if (step[KIND] === "taken") $("move").append(`${from} → `, make("b", to));
    else if (step[KIND] === "started") $("move").append(make("b", to));
    else $("move").append(make("b", to), `: ${t[step[KIND]] || step[KIND]}`);
  }

  function facts(step) {
    const add = (name, value) => $("facts").append(make("dt", name), make("dd", value));
    const job = step[JOB] >= 0 ? run.jobs[step[JOB]] : null;
    if (job) add(t.job, `${job.script}\n${job.guid}`);
    for (const [key, value] of Object.entries(step[DATA])) {
      if (job && (key === "job" || key === "script")) continue;
      const text = typeof value === "string" ? value : JSON.stringify(value);
      add(key, key === "status" && own(data.statuses, text) ? `${text} ${data.statuses[text]}` : text);
    }
    const end = shown[place] === run.steps.length - 1;
    if (end && run.exit !== null) add(t.exit, String(run.exit));
  }

  function problem(step) {
    const last = shown[place] === run.steps.length - 1;
    const foreign = step[KIND] === "taken" && !step[EDGE] ? t.foreign : "";
    return [foreign, last ? run.problem || (run.exit === null ? t.cut : "") : ""].filter(Boolean).join(" ");
  }

  function nearby() {
    const first = Math.max(0, Math.min(place - BEFORE, shown.length - NEAR));
    const rows = shown.slice(first, first + NEAR).map((at, offset) => {
      const step = run.steps[at], row = make("button", "");
      row.type = "button";
      row.dataset.place = String(first + offset);
      row.append(make("time", step[AT].slice(11, 19)), make("span", `${eventOf(step[EVENT]).title} → ${stateOf(step[DEST]).title}`));
      if (first + offset === place) row.setAttribute("aria-current", "step");
      const item = document.createElement("li");
      item.append(row);
      return item;
    });
    $("near").replaceChildren(...rows);
  }

  // ---- the time line

  const colour = (name) => {
    const at = Object.keys(data.states).indexOf(name);
    // -1 for a state of another machine.
    return `hsl(${HUES[(at + HUES.length) % HUES.length]} 55% ${at % 2 ? 62 : 52}%)`;
  };

  function drawStrip() {
    const strip = $("strip"), width = Math.max(1, Math.round(strip.clientWidth * devicePixelRatio));
    strip.width = width;
    strip.height = Math.round(20 * devicePixelRatio);
    const pen = strip.getContext("2d");
    let from = 0;
    for (let at = 1; at <= shown.length; at += 1) {
      const name = run.steps[shown[from]][DEST];
      if (at < shown.length && run.steps[shown[at]][DEST] === name) continue;
      pen.fillStyle = colour(name);
      const left = Math.floor((from / shown.length) * width);
      pen.fillRect(left, 0, Math.max(1, Math.ceil((at / shown.length) * width) - left), strip.height);
      from = at;
    }
  }

  function moveCursor() {
    $("cursor").hidden = !shown.length;
    $("cursor").style.left = `${((place + 0.5) / Math.max(1, shown.length)) * 100}%`;
  }

  function play() {
    const wait = 1000 / Math.min(FASTEST, Number($("speed").value));
    let next = performance.now() + wait;
    const tick = (now) => {
      if (!playing) return;
      if (now >= next - 1) {
        // A late frame is made up for; a page that was asleep does not race afterwards.
        next = now - next > 250 ? now + wait : next + wait;
        go(place + 1);
        if (place >= shown.length - 1) { pause(); return; }
      }
      playing = requestAnimationFrame(tick);
    };
    if (place >= shown.length - 1) go(0);
    // A reader that is told thirty steps a second tells nothing.
    $("story").setAttribute("aria-live", "off");
    $("play").classList.add("playing");
    $("play").setAttribute("aria-label", t.pause);
    playing = requestAnimationFrame(tick);
  }

  function pause() {
    cancelAnimationFrame(playing);
    playing = 0;
    $("story").setAttribute("aria-live", "polite");
    $("play").classList.remove("playing");
    $("play").setAttribute("aria-label", t.play);
  }

  const by = (steps) => { pause(); go(place + steps); };

  // ---- the map

  function zoom(to) {
    const svg = $("map").querySelector("svg"), box = svg.viewBox.baseVal;
    scale = Math.max(0.2, Math.min(3, to));
    svg.style.width = `${box.width * scale}px`;
    svg.style.height = `${box.height * scale}px`;
    if (run && shown.length) { const here = $(stateOf(run.steps[shown[place]][DEST]).id); if (here) reveal(here); }
  }

  function fit() {
    const map = $("map"), box = map.querySelector("svg").viewBox.baseVal;
    zoom(Math.min(map.clientWidth / box.width, map.clientHeight / box.height));
  }

  // ---- hands

  const actions = {
    first: () => by(-Infinity), back: () => by(-1), play: () => (playing ? pause() : play()), next: () => by(1), last: () => by(Infinity),
    larger: () => zoom(scale * 1.25), smaller: () => zoom(scale / 1.25), fit,
  };
  const keys = { Home: "first", ArrowLeft: "back", " ": "play", ArrowRight: "next", End: "last", "+": "larger", "=": "larger", "-": "smaller", 0: "fit" };

  function onKey(event) {
    const target = event.target, tag = target.tagName;
    // Lists keep their own keys; the slider's keys mean the same as ours; a button has its own blank.
    if (event.ctrlKey || event.metaKey || event.altKey || tag === "SELECT" || (tag === "BUTTON" && event.key === " ")) return;
    const action = own(keys, event.key);
    if (!action) return;
    event.preventDefault();
    actions[action]();
  }

  function printable() {
    const table = document.createElement("table"), rows = shown.slice(0, MOST_PRINTED);
    for (const at of rows) {
      const step = run.steps[at], row = table.insertRow();
      for (const text of [step[SEQ], stamp(step), eventOf(step[EVENT]).title, step[SOURCE] ? stateOf(step[SOURCE]).title : "", stateOf(step[DEST]).title, details(step)]) row.insertCell().textContent = String(text);
    }
    const more = shown.length > rows.length ? fill(t.not_printed, shown.length - rows.length) : "";
    $("printed").replaceChildren(make("h3", fill(t.steps_of, run.name)), table, make("p", more));
  }

  const details = (step) => Object.entries(step[DATA]).map(([key, value]) => `${key}: ${typeof value === "string" ? value : JSON.stringify(value)}`).join("; ");

  for (const [id, action] of Object.entries(actions)) { if ($(id)) $(id).addEventListener("click", action); }
  document.addEventListener("keydown", onKey);
  addEventListener("beforeprint", () => { if (run) printable(); });
  addEventListener("resize", () => { if (run) drawStrip(); });
  fit();
  if (scale < 0.62) zoom(0.62);
  if (!data.runs.length) return;
  data.runs.forEach((each, at) => {
    const option = new Option(label(each), String(at));
    option.title = each.name;
    $("run").add(option);
  });
  $("run").addEventListener("change", () => { pause(); choose(Number($("run").value)); });
  $("job").addEventListener("change", () => { pause(); filter(); });
  $("outcome").addEventListener("change", () => { pause(); filter(); });
  $("slider").addEventListener("input", () => { pause(); go(Number($("slider").value)); });
  $("near").addEventListener("click", (event) => { const row = event.target.closest("button"); if (row) { const to = Number(row.dataset.place); by(to - place); } });
  $("map").addEventListener("click", (event) => {
    // A click on a state goes to the next step that leads there.
    const state = event.target.closest(".state");
    if (!state) return;
    const name = state.dataset.state, from = shown.findIndex((at, n) => n > place && run.steps[at][DEST] === name);
    const to = from >= 0 ? from : shown.findIndex((at) => run.steps[at][DEST] === name);
    if (to >= 0) by(to - place);
  });
  // A link may lead to a step: player.html#run=2&step=7
  const wanted = new URLSearchParams(location.hash.slice(1)), within = (name, most) => Math.max(1, Math.min(most, Number(wanted.get(name)) || 1)) - 1;
  $("run").selectedIndex = within("run", data.runs.length);
  choose($("run").selectedIndex).then((isShown) => { if (isShown) go(within("step", shown.length)); });
})();
