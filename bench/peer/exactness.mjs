// `records` delayed jobs, evenly over `window_ms`, the first due `lead_ms` from now. Answers when that is.
import { add, answer, given, queue } from './queue.mjs';

const records = Number(given.records);
const step = Number(given.window_ms) / records;
const start = Date.now() + Number(given.lead_ms);

const q = queue();
await add(q, records, (i) => {
  const timestamp = Date.now();
  const delay = Math.max(0, Math.round(start + step * i) - timestamp);
  return { name: 'deliver', data: { i }, opts: { timestamp, delay, removeOnComplete: true } };
});
if (Date.now() > start) throw new Error(`adding ${records} jobs took longer than ${given.lead_ms} ms`);
await q.close();
await answer({ start_ms: start });
