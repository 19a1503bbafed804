// A delayed job for each of `records` records, evenly over `window_ms`, `lead_ms` from now. Answers the seconds that addBulk took.
import { add, answer, given, queue } from './queue.mjs';

const records = Number(given.records);
const step = Number(given.window_ms) / records;
const lead = Number(given.lead_ms);
const simulationId = '7f0c2a55-1111-4222-8333-444455556666';

const q = queue();
await q.waitUntilReady();
const begun = performance.now();
await add(q, records, (i) => ({
  name: 'deliver',
  data: { simulationId, batch: i, attempt: 1 },
  opts: { delay: Math.round(lead + step * i), removeOnComplete: true },
}));
const seconds = (performance.now() - begun) / 1000;
await q.close();
await answer({ seconds });
