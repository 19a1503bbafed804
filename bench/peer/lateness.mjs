// `records` delayed jobs at `per_second`, the first due `lead_ms` from now, through one worker at `concurrency`.
// Answers each job's lateness: whole milliseconds from when it was due to the start of its work; nothing where adding took longer than
// that. Jobs that are not begun `longest_ms` after adding are `unstarted`, with the lateness they have by then.
import { Worker } from 'bullmq';
import { add, answer, connection, given, NAME, queue } from './queue.mjs';

const records = Number(given.records);
const step = 1000 / Number(given.per_second);
const start = Date.now() + Number(given.lead_ms);

const q = queue();
await add(q, records, (i) => {
  const due = Math.round(start + step * i);
  const timestamp = Date.now();
  return { name: 'deliver', data: { i, due }, opts: { timestamp, delay: Math.max(0, due - timestamp), removeOnComplete: true } };
});
if (Date.now() > start) await answer({});

const begun = new Set();
const lateness = [];
await new Promise((resolve, reject) => {
  setTimeout(resolve, Number(given.longest_ms));
  const worker = new Worker(
    NAME,
    async (job) => {
      lateness.push(Date.now() - job.data.due);
      begun.add(job.data.i);
      if (begun.size === records) resolve();
    },
    { connection: connection(), concurrency: Number(given.concurrency) },
  );
  worker.on('error', reject);
});
const unstarted = records - begun.size;
const now = Date.now();
for (let i = 0; i < records; i += 1) if (!begun.has(i)) lateness.push(now - Math.round(start + step * i));
await answer({ lateness_ms: lateness, unstarted });
