// What the drivers share: the arguments as the bench gives them, the queue, and jobs added 1,000 a call.
import { Queue } from 'bullmq';

export const given = JSON.parse(process.argv[2]);
export const NAME = 'peer';
const A_CALL = 1000;

export function connection() {
  const url = new URL(given.url);
  return { host: url.hostname, port: Number(url.port), password: url.password, maxRetriesPerRequest: null };
}

export function queue() {
  return new Queue(NAME, { connection: connection() });
}

// `job(i)` gives the i-th of `count` jobs.
export async function add(queue, count, job) {
  for (let first = 0; first < count; first += A_CALL) {
    const jobs = Array.from({ length: Math.min(A_CALL, count - first) }, (_, i) => job(first + i));
    await queue.addBulk(jobs);
  }
}

// Ends the process once everything is written: a pipe takes 64 KiB at a time. Nothing after `await answer(…)` runs.
export function answer(values) {
  return new Promise(() => process.stdout.write(JSON.stringify(values), () => process.exit(0)));
}
