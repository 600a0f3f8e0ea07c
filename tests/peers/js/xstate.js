// XState JSON run by XState 5: per walk the state and the actions that ran, after each event.
import fs from "node:fs";
import { assign, createActor, createMachine } from "xstate";

const implementations = {
  guards: { within_budget: ({ context }, { counter, at_most }) => context[counter] < at_most },
  actions: {
    count: assign(({ context }, { counter }) => ({ [counter]: context[counter] + 1 })),
    start_budgets_anew: assign((_, { counters }) => Object.fromEntries(counters.map((counter) => [counter, 0]))),
    exit_with: () => {},
  },
};
// Besides ours, XState's own steps: it counts a state's time by raising an event to itself, which calls nobody.
const OWN = new Set([...Object.keys(implementations.actions), "xstate.raise", "xstate.cancel"]);

const walked = async (config, events, wait_ms) => {
  const called = [];
  const note = ({ type, action }) => {
    if (type === "@xstate.action" && !OWN.has(action.type)) called.push(action.params?.callback ?? action.type);
  };
  const actor = createActor(createMachine(config, implementations), { inspect: note });
  actor.start();
  const steps = [[[actor.getSnapshot().value], called.splice(0)]];
  for (const event of events) {
    actor.send({ type: event });
    steps.push([[actor.getSnapshot().value], called.splice(0)]);
  }
  if (wait_ms) {
    await new Promise((resolve) => setTimeout(resolve, wait_ms));
    steps.push([[actor.getSnapshot().value], called.splice(0)]);
  }
  actor.stop(); // what still waits must not keep us
  return steps;
};

const jobs = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
const found = {};
for (const [name, { text, walks, wait_ms }] of Object.entries(jobs)) {
  try {
    found[name] = [];
    for (const events of walks) found[name].push(await walked(JSON.parse(text), events, wait_ms));
  } catch (error) {
    found[name] = String(error);
  }
}
console.log(JSON.stringify(found));
