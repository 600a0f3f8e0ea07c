// SCXML run by SCION: per walk the configuration and what was logged, after each event.
import fs from "node:fs";
import { createRequire } from "node:module";
const scxml = createRequire(process.cwd() + "/")("@scion-scxml/scxml");

const prepared = (text) =>
  new Promise((resolve, reject) =>
    scxml.documentStringToModel("file:///machine.scxml", text, (error, model) =>
      error ? reject(error) : model.prepare((wrong, made) => (wrong ? reject(wrong) : resolve(made)), { console }),
    ),
  );

const walked = async (made, events, wait_ms) => {
  const called = [];
  const log = (label, value) => label === "call" && called.push(value);
  const engine = new scxml.core.Statechart(made, { console: { log, info: log, error: log, warn: log } });
  engine.start();
  const steps = [[engine.getConfiguration(), called.splice(0)]];
  for (const event of events) {
    engine.gen({ name: event });
    steps.push([engine.getConfiguration(), called.splice(0)]);
  }
  if (wait_ms) {
    await new Promise((resolve) => setTimeout(resolve, wait_ms));
    steps.push([engine.getConfiguration(), called.splice(0)]);
  }
  return steps;
};

const jobs = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const found = {};
for (const [name, { text, walks, wait_ms }] of Object.entries(jobs)) {
  try {
    found[name] = [];
    // Prepared anew for each walk: engines of one model share the values of its datamodel.
    for (const events of walks) found[name].push(await walked(await prepared(text), events, wait_ms));
  } catch (error) {
    found[name] = String(error);
  }
}
// What still waits must not keep us, and a pipe takes a long line only bit by bit.
process.stdout.write(JSON.stringify(found) + "\n", () => process.exit(0));
