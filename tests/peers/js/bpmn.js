// BPMN read by bpmn-moddle and judged by bpmnlint: warnings, problems, sequence flows.
import fs from "node:fs";
import { createRequire } from "node:module";
import { BpmnModdle } from "bpmn-moddle";
const require = createRequire(process.cwd() + "/");
const { Linter } = require("bpmnlint");
const NodeResolver = require("bpmnlint/lib/resolver/node-resolver");

// One for each file: a linter remembers flows of the file before.
const linter = () => new Linter({ config: { extends: "bpmnlint:recommended" }, resolver: new NodeResolver() });

const read = async (text) => {
  const moddle = new BpmnModdle();
  const { rootElement, warnings } = await moddle.fromXML(text);
  const process = rootElement.rootElements.find((found) => found.$type === "bpmn:Process");
  const flows = process.flowElements.filter((found) => found.$type === "bpmn:SequenceFlow");
  const report = await linter().lint(rootElement);
  const { xml } = await moddle.toXML(rootElement, { format: true });
  return {
    warnings: warnings.map((warning) => warning.message),
    problems: Object.entries(report).flatMap(([rule, found]) => found.map(({ id, message }) => `${rule} ${id}: ${message}`)),
    flows: flows.map((flow) => [flow.id, flow.sourceRef?.id, flow.name ?? "", flow.targetRef?.id]),
    kinds: Object.fromEntries(process.flowElements.map((found) => [found.id, found.$type])),
    again: xml,
  };
};

const jobs = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const found = {};
for (const [name, text] of Object.entries(jobs)) {
  try {
    found[name] = await read(text);
  } catch (error) {
    found[name] = { warnings: [String(error)], problems: [], flows: [], kinds: {}, again: "" };
  }
}
console.log(JSON.stringify(found));
