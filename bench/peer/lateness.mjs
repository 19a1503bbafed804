// `records` delayed jobs at `per_second`, the first due `lead_ms` from now, through one worker at `concurrency`.
// Answers each job's lateness: whole milliseconds from when it was due to the start of its work.
import { Worker } from 'bullmq';
import { add, answer, connection, given, NAME, queue } from './queue.mjs';

const records = Number(given.records);
const step = 1000 / Number(given.per_second);
const start = Date.now() + Number(given.lead_ms);

const q = queue();
await add(q, records, (i) => {
  const due = Math.round(start + step * i);
  return { name: 'deliver', data: { due }, opts: { delay: Math.max(0, due - Date.now()), removeOnComplete: true } };
});
if (Date.now() > start) throw new Error('adding took longer than lead_ms: give it more');

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
answer({ lateness_ms: lateness });
