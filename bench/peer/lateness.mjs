// `records` delayed jobs at `per_second`, the first due `lead_ms` from now, through one worker at `concurrency`.
// Answers each job's lateness: whole milliseconds from when it was due to the start of its work; nothing where adding took longer than that.
import { Worker } from 'bullmq';
import { add, answer, connection, given, NAME, queue } from './queue.mjs';

const records = Number(given.records);
const step = 1000 / Number(given.per_second);
const start = Date.now() + Number(given.lead_ms);

const q = queue();
await add(q, records, (i) => {
  const due = Math.round(start + step * i);
  const timestamp = Date.now();
  return { name: 'deliver', data: { due }, opts: { timestamp, delay: Math.max(0, due - timestamp), removeOnComplete: true } };
});
if (Date.now() > start) await answer({});

const lateness = [];
await new Promise((resolve, reject) => {
  setTimeout(() => reject(new Error(`only ${lateness.length} of ${records} jobs started in time`)), Number(given.longest_ms));
  const worker = new Worker(
    NAME,
    async (job) => {
      lateness.push(Date.now() - job.data.due);
      if (lateness.length === records) resolve();
    },
    { connection: connection(), concurrency: Number(given.concurrency) },
  );
  worker.on('error', reject);
});
await answer({ lateness_ms: lateness });
