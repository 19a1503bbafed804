// `jobs` jobs that do nothing, through one worker at `concurrency`, for at most `seconds`. Answers how many were completed in what time.
import { Worker } from 'bullmq';
import { add, answer, connection, given, NAME, queue } from './queue.mjs';

const jobs = Number(given.jobs);
const longest = Number(given.seconds) * 1000;

const q = queue();
await add(q, jobs, (i) => ({ name: 'nothing', data: { i }, opts: { removeOnComplete: true } }));

let done = 0;
const begun = performance.now();
const worker = new Worker(NAME, async () => {}, { connection: connection(), concurrency: Number(given.concurrency) });
await new Promise((resolve) => {
  setTimeout(resolve, longest);
  worker.on('completed', () => {
    done += 1;
    if (done === jobs) resolve();
  });
});
await answer({ done, seconds: (performance.now() - begun) / 1000 });
