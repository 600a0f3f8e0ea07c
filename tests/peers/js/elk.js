// Graphs laid out by ELK (layered, orthogonal, its defaults else): per graph its nodes, lines and labels.
import fs from "node:fs";
import ELK from "elkjs";

const OPTIONS = {
  "elk.algorithm": "layered",
  "elk.direction": "DOWN",
  "elk.edgeRouting": "ORTHOGONAL",
};

const jobs = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const elk = new ELK();
const found = {};
for (const [name, { nodes, edges }] of Object.entries(jobs)) {
  const begun = performance.now();
  const drawn = await elk.layout({
    id: "root",
    layoutOptions: OPTIONS,
    children: nodes.map(([id, width, height]) => ({ id, width, height })),
    edges: edges.map(([id, source, target, width, height]) => ({
      id,
      sources: [source],
      targets: [target],
      labels: width ? [{ text: id, width, height }] : [],
    })),
  });
  found[name] = {
    seconds: (performance.now() - begun) / 1000,
    size: [drawn.width, drawn.height],
    boxes: Object.fromEntries(drawn.children.map(({ id, x, y, width, height }) => [id, [x, y, width, height]])),
    lines: Object.fromEntries(
      drawn.edges.map(({ id, sections }) => [
        id,
        sections.flatMap((s) => [s.startPoint, ...(s.bendPoints ?? []), s.endPoint]).map(({ x, y }) => [x, y]),
      ]),
    ),
    labels: Object.fromEntries(
      drawn.edges.filter(({ labels }) => labels.length).map(({ id, labels: [l] }) => [id, [l.x, l.y, l.width, l.height]]),
    ),
  };
}
console.log(JSON.stringify(found));
