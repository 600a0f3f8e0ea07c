// Analysts at bpmn-js: each session opens the drawing, does what its list says with palette, context pad and mouse, saves.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import puppeteer from "puppeteer-core";

const { browser: browserPath, text, sessions } = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const assets = "node_modules/bpmn-js/dist/";
const profile = fs.mkdtempSync(path.join(os.tmpdir(), "peers-"));
const browser = await puppeteer.launch({
  executablePath: browserPath,
  userDataDir: profile,
  args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"],
});
const page = await browser.newPage();
await page.setViewport({ width: 3300, height: 1600 });
await page.setContent('<html><body style="margin:0;background:white"><div id="canvas" style="height:100vh"></div></body></html>');
for (const sheet of ["assets/diagram-js.css", "assets/bpmn-js.css", "assets/bpmn-font/css/bpmn-embedded.css"]) {
  await page.addStyleTag({ content: fs.readFileSync(assets + sheet, "utf8") });
}
await page.addScriptTag({ content: fs.readFileSync(assets + "bpmn-modeler.production.min.js", "utf8") });

const open = (xml) =>
  page.evaluate(async (xml) => {
    window.modeler?.destroy();
    window.modeler = new window.BpmnJS({ container: "#canvas" });
    const { warnings } = await window.modeler.importXML(xml);
    const canvas = window.modeler.get("canvas");
    canvas.zoom("fit-viewport");
    canvas.zoom(canvas.zoom() * 0.8, "auto"); // room below for what is new
    return warnings.map((warning) => warning.message);
  }, xml);
const ids = () => page.evaluate(() => window.modeler.get("elementRegistry").getAll().map((found) => found.id));
const added = async (act) => {
  const before = new Set(await ids());
  await act();
  return (await ids()).filter((id) => !before.has(id) && !id.endsWith("_label"));
};
const middle = (id) =>
  page.evaluate((id) => {
    const box = window.modeler.get("elementRegistry").getGraphics(id).getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
  }, id);
// Where the way points of a flow are on the screen.
const way = (id) =>
  page.evaluate((id) => {
    const view = window.modeler.get("canvas").viewbox();
    const { waypoints } = window.modeler.get("elementRegistry").get(id);
    return waypoints.map(({ x, y }) => [(x - view.x) * view.scale, (y - view.y) * view.scale]);
  }, id);
const typed = async (words) => {
  await page.keyboard.down("Control");
  await page.keyboard.press("a");
  await page.keyboard.up("Control");
  await page.keyboard.type(words);
  await page.keyboard.press("Enter");
};
const select = async (id) => {
  await page.mouse.click(2900, 1580); // on nothing: a text that is being written is finished
  const points = await page.evaluate((id) => Boolean(window.modeler.get("elementRegistry").get(id).waypoints), id);
  const [[x1, y1], [x2, y2]] = points ? (await way(id)).slice(-2) : [await middle(id), await middle(id)];
  await page.mouse.click((x1 + x2) / 2, (y1 + y2) / 2);
};
const pad = async (entry) => {
  await page.waitForSelector(`.djs-context-pad .entry[data-action="${entry}"]`, { visible: true, timeout: 5000 });
  await page.click(`.djs-context-pad .entry[data-action="${entry}"]`);
};

const named = {}; // `as` -> id of what was drawn
const id = (name) => named[name] ?? name;
const acts = {
  rename: async ({ what, name }) => {
    await page.mouse.click(...(await middle(id(what))), { count: 2 });
    await typed(name);
    await page.keyboard.press("Escape");
  },
  write: async ({ what, name }) => {
    await page.evaluate((id) => window.modeler.get("directEditing").activate(window.modeler.get("elementRegistry").get(id)), id(what));
    await typed(name);
  },
  draw: async ({ entry, at, name, as }) => {
    const [drawn] = await added(async () => {
      await page.click(`.djs-palette .entry[data-action="${entry}"]`);
      await page.mouse.move(at[0] - 10, at[1] - 10);
      await page.mouse.move(...at, { steps: 4 });
      await page.mouse.click(...at);
      if (name) await typed(name);
    });
    named[as] = drawn;
    await page.keyboard.press("Escape");
  },
  append: async ({ to, entry, name, as }) => {
    await select(id(to));
    const drawn = await added(async () => {
      await pad(`append.${entry}`);
      await typed(name);
    });
    const kinds = await page.evaluate((ids) => ids.map((id) => window.modeler.get("elementRegistry").get(id).type), drawn);
    named[as] = drawn[kinds.findIndex((kind) => kind !== "bpmn:SequenceFlow")];
    named[`${as} flow`] = drawn[kinds.indexOf("bpmn:SequenceFlow")];
  },
  connect: async ({ from, to, name, as }) => {
    await select(id(from));
    const [flow] = await added(async () => {
      await pad("connect");
      const place = await middle(id(to));
      await page.mouse.move(place[0] - 5, place[1] - 5, { steps: 6 });
      await page.mouse.move(...place, { steps: 3 });
      await page.mouse.click(...place);
    });
    named[as ?? "flow"] = flow;
    if (name) await acts.write({ what: flow, name });
  },
  join: async ({ from, to, name }) => {
    const [flow] = await added(async () => {
      await page.click(".djs-palette .entry.bpmn-icon-connection-multi");
      const [begin, end] = [await middle(id(from)), await middle(id(to))];
      await page.mouse.move(...begin, { steps: 4 });
      await page.mouse.click(...begin);
      await page.mouse.move(...end, { steps: 8 });
      await page.mouse.click(...end);
    });
    await acts.write({ what: flow, name });
  },
  redirect: async ({ flow, to }) => {
    await select(id(flow));
    const end = (await way(id(flow))).at(-1);
    const place = await middle(id(to));
    await page.mouse.move(...end, { steps: 3 });
    await page.mouse.down();
    await page.mouse.move((end[0] + place[0]) / 2, (end[1] + place[1]) / 2, { steps: 5 });
    await page.mouse.move(...place, { steps: 5 });
    await page.mouse.up();
  },
  remove: async ({ what }) => {
    await select(id(what));
    await pad("delete");
  },
  morph: async ({ what, entry }) => {
    await select(id(what));
    await pad("replace");
    await page.waitForSelector(`.djs-popup .entry[data-id="${entry}"]`, { timeout: 5000 });
    await page.click(`.djs-popup .entry[data-id="${entry}"]`);
  },
  undo: async () => {
    await page.evaluate(() => window.modeler.get("commandStack").undo());
  },
};

const found = {};
for (const [name, { list, shot }] of Object.entries(sessions)) {
  const warnings = await open(text);
  for (const key of Object.keys(named)) delete named[key];
  let problem = "";
  for (const { act, ...given } of list) {
    try {
      await acts[act](given);
    } catch (error) {
      problem = `${act} ${JSON.stringify(given)}: ${error.message}`;
      break;
    }
  }
  if (shot) await page.screenshot({ path: shot });
  const { xml } = await page.evaluate(() => window.modeler.saveXML({ format: true }));
  found[name] = { warnings, problem, xml, named: { ...named } };
}
await browser.close();
fs.rmSync(profile, { recursive: true, force: true });
console.log(JSON.stringify(found));
