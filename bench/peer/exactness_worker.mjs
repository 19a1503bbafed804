// A worker at `concurrency`, until it is ended. Each job's work is a line with its number in `file`, on its way to the disk when it is done.
import { openSync, writeSync } from 'node:fs';
import { Worker } from 'bullmq';
import { connection, given, NAME } from './queue.mjs';

const file = openSync(given.file, 'a');
const work = async (job) => {
  writeSync(file, `${job.data.i}\n`);
};
const worker = new Worker(NAME, work, { connection: connection(), concurrency: Number(given.concurrency) });
worker.on('error', () => {}); // what it had under way when the queue was emptied: BullMQ goes on, and so does this
