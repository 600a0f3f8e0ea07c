// An analyst at bpmn-js: renames a task, draws a new one with the palette, joins it with the connect tool, and saves.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import puppeteer from "puppeteer-core";

const { browser: browserPath, text, rename, task, flows, shot } = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
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
const warnings = await page.evaluate(async (xml) => {
  window.modeler = new window.BpmnJS({ container: "#canvas" });
  const { warnings } = await window.modeler.importXML(xml);
  const canvas = window.modeler.get("canvas");
  canvas.zoom("fit-viewport");
  canvas.zoom(canvas.zoom() * 0.8, "auto"); // room below for what is new
  return warnings.map((warning) => warning.message);
}, text);

const middle = (id) =>
  page.evaluate((id) => {
    const box = window.modeler.get("elementRegistry").getGraphics(id).getBoundingClientRect();
    return [box.x + box.width / 2, box.y + box.height / 2];
  }, id);
const typed = async (words) => {
  await page.keyboard.down("Control");
  await page.keyboard.press("a");
  await page.keyboard.up("Control");
  await page.keyboard.type(words);
  await page.keyboard.press("Enter");
};
const ids = () => page.evaluate(() => window.modeler.get("elementRegistry").getAll().map((found) => found.id));
const added = async (act) => {
  const before = new Set(await ids());
  await act();
  return (await ids()).filter((id) => !before.has(id) && !id.endsWith("_label"));
};

await page.mouse.click(...(await middle(rename.id)), { count: 2 });
await typed(rename.name);
await page.keyboard.press("Escape");

const [drawn] = await added(async () => {
  await page.click(".djs-palette .entry.bpmn-icon-task");
  await page.mouse.move(1600, 1500);
  await page.mouse.move(1610, 1510, { steps: 4 });
  await page.mouse.click(1610, 1510);
  await typed(task);
});
const named = [];
for (const { source, target, name } of flows) {
  const [flow] = await added(async () => {
    await page.click(".djs-palette .entry.bpmn-icon-connection-multi");
    const [from, to] = [await middle(source || drawn), await middle(target || drawn)];
    await page.mouse.move(...from, { steps: 4 });
    await page.mouse.click(...from);
    await page.mouse.move(...to, { steps: 8 });
    await page.mouse.click(...to);
  });
  await page.evaluate((id) => window.modeler.get("directEditing").activate(window.modeler.get("elementRegistry").get(id)), flow);
  await typed(name);
  named.push(flow);
}
if (shot) await page.screenshot({ path: shot });
const { xml } = await page.evaluate(() => window.modeler.saveXML({ format: true }));
await browser.close();
fs.rmSync(profile, { recursive: true, force: true });
console.log(JSON.stringify({ warnings, xml, drawn, named }));
