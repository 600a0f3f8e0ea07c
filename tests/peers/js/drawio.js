// draw.io files read by maxgraph, the library that draw.io's own is the ancestor of: vertices, edges, what they join.
import fs from "node:fs";
import { JSDOM } from "jsdom";

const dom = new JSDOM("<!doctype html><body></body>", { url: "http://localhost/" });
for (const name of ["window", "document", "DOMParser", "XMLSerializer", "Node", "Element", "SVGElement", "HTMLElement", "Event", "location"]) {
  globalThis[name] = name === "window" ? dom.window : dom.window[name];
}
Object.defineProperty(globalThis, "navigator", { value: dom.window.navigator, configurable: true });
const { Graph, ModelXmlSerializer } = await import("@maxgraph/core");

const read = (text) => {
  const file = new dom.window.DOMParser().parseFromString(text, "text/xml");
  const model = file.querySelector("mxGraphModel");
  const graph = new Graph(document.createElement("div"));
  new ModelXmlSerializer(graph.model).import(new dom.window.XMLSerializer().serializeToString(model));
  const cells = Object.values(graph.model.cells);
  const text_of = (cell) => cell.value?.getAttribute?.("label") ?? cell.value ?? "";
  const data = (cell) => Object.fromEntries([...(cell.value?.attributes ?? [])].map(({ name, value }) => [name, value]));
  return {
    vertices: cells.filter((cell) => cell.isVertex()).map((cell) => [cell.id, text_of(cell), data(cell), cell.parent?.id ?? ""]),
    edges: cells.filter((cell) => cell.isEdge()).map((cell) => [cell.id, cell.source?.id ?? "", cell.target?.id ?? ""]),
  };
};

const jobs = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const found = {};
for (const [name, text] of Object.entries(jobs)) {
  try {
    found[name] = read(text);
  } catch (error) {
    found[name] = String(error.stack ?? error);
  }
}
// What still waits must not keep us, and a pipe takes a long line only bit by bit.
process.stdout.write(JSON.stringify(found) + "\n", () => process.exit(0));
