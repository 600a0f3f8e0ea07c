// Chromium with bpmn-js and mermaid in a page without network: what they import, where they draw it, a picture of it.
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import puppeteer from "puppeteer-core";

const [jobs, browserPath] = (({ browser, ...rest }) => [rest, browser])(JSON.parse(fs.readFileSync(process.argv[2], "utf8")));
const assets = "node_modules/bpmn-js/dist/";
const profile = fs.mkdtempSync(path.join(os.tmpdir(), "peers-"));
const browser = await puppeteer.launch({
  executablePath: browserPath,
  userDataDir: profile,
  args: [
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-quic", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});

const emptyPage = async (width, height) => {
  const page = await browser.newPage();
  await page.setViewport({ width, height });
  const asked = [];
  await page.setRequestInterception(true);
  page.on("request", (request) => {
    asked.push(request.url());
    request.abort();
  });
  await page.setContent('<html><body style="margin:0;background:white"><div id="canvas" style="height:100vh"></div></body></html>');
  return { page, asked };
};

const importBpmn = async (xml) => {
  document.querySelector("#canvas").replaceChildren();
  const viewer = new window.BpmnJS({ container: "#canvas" });
  window.viewer = viewer;
  const { warnings } = await viewer.importXML(xml);
  const canvas = viewer.get("canvas");
  canvas.zoom("fit-viewport");
  const box = ({ x, y, width, height }) => ({ x, y, width, height });
  const elements = viewer.get("elementRegistry").filter((found) => found !== canvas.getRootElement());
  const lines = elements.filter((found) => found.waypoints);
  const shapes = elements.filter((found) => !found.waypoints && !found.labelTarget);
  const labels = elements.filter((found) => found.labelTarget);
  return {
    warnings: warnings.map((warning) => warning.message),
    shapes: Object.fromEntries(shapes.map((found) => [found.id, { ...box(found), type: found.type, host: found.host?.id ?? "" }])),
    labels: Object.fromEntries(labels.map((found) => [found.labelTarget.id, box(found)])),
    lines: Object.fromEntries(
      lines.map((found) => [
        found.id,
        { type: found.type, source: found.source.id, target: found.target.id, points: found.waypoints.map(({ x, y }) => [x, y]) },
      ]),
    ),
    view: canvas.viewbox().inner,
  };
};

const readMermaid = async (text) => {
  const diagram = await window.mermaid.mermaidAPI.getDiagramFromText(text);
  const decode = (shown) => shown.replace(/ﬂ°°(\d+)¶ß/g, (_, code) => String.fromCodePoint(code)).replace(/#(\d+);/g, (_, code) => String.fromCodePoint(code));
  const states = Object.fromEntries(
    [...diagram.db.getStates()].map(([id, state]) => [id, (state.descriptions ?? []).map(decode)]),
  );
  const edges = diagram.db.getRelations().map((edge) => [edge.id1, decode(edge.relationTitle ?? ""), edge.id2]);
  const { svg } = await window.mermaid.render("drawing", text);
  document.querySelector("#canvas").innerHTML = svg;
  // Each text once: a label is a group, a box and a text within each other. Loops of a state share a label, in lines.
  const texts = [...document.querySelectorAll("#canvas .edgeLabel, #canvas .nodeLabel, #canvas text")];
  const leaves = texts.filter((node) => !texts.some((other) => other !== node && node.contains(other)));
  const shown = leaves.flatMap((node) => (node.innerText ?? node.textContent).split("\n"));
  return { warnings: [], states, edges, shown: shown.map((text) => text.trim()).filter(Boolean) };
};

const picture = async (page, kind, found, shot) => {
  await page.bringToFront(); // a page behind another is not painted, and its picture would be waited for without end
  if (kind !== "bpmn") return (await page.$("#canvas svg")).screenshot({ path: shot });
  const width = 2600;
  await page.setViewport({ width, height: Math.ceil((width * found.view.height) / found.view.width) + 20 });
  await page.evaluate(() => window.viewer.get("canvas").resized() || window.viewer.get("canvas").zoom("fit-viewport"));
  await page.screenshot({ path: shot });
};

// One page for all diagrams of a kind: to load a library takes longer than to draw with it.
const pages = {};
const pageFor = async (kind) => {
  const made = await emptyPage(kind === "bpmn" ? 3300 : 1400, kind === "bpmn" ? 1300 : 1600);
  const { page } = made;
  if (kind === "bpmn") {
    await page.addScriptTag({ content: fs.readFileSync(assets + "bpmn-navigated-viewer.production.min.js", "utf8") });
    for (const sheet of ["diagram-js.css", "bpmn-js.css"]) {
      await page.addStyleTag({ content: fs.readFileSync(assets + "assets/" + sheet, "utf8") });
    }
  } else {
    await page.addScriptTag({ content: fs.readFileSync("node_modules/mermaid/dist/mermaid.min.js", "utf8") });
    await page.evaluate(() => window.mermaid.initialize({ startOnLoad: false, maxTextSize: 200000, maxEdges: 2000 }));
  }
  return made;
};

const run = async ({ kind, text, shot }) => {
  pages[kind] ??= await pageFor(kind);
  const { page, asked } = pages[kind];
  asked.length = 0;
  try {
    const found = await page.evaluate(kind === "bpmn" ? importBpmn : readMermaid, text);
    if (shot) await picture(page, kind, found, shot);
    return { ...found, asked: [...asked] };
  } catch (error) {
    return { warnings: [String(error)], asked: [...asked] };
  }
};

const found = {};
for (const [name, job] of Object.entries(jobs.texts)) found[name] = await run(job);
await browser.close();
fs.rmSync(profile, { recursive: true, force: true });
console.log(JSON.stringify(found));
