// `records` B2B records through one worker at `concurrency`, one call an object: a flow of company, contact, and what joins them. A call that
// fails is tried up to `attempts` times. `calls_a_second`: the worker's limiter; 0 is none. Until all have ended, for at most `seconds`.
// Answers when it began, when each record was whole, and how many failed for good.
import { FlowProducer, Worker } from 'bullmq';
import { answer, connection, given, NAME } from './queue.mjs';

const records = Number(given.records);
const perSecond = Number(given.calls_a_second);
const CALL_MS = 20_000;
const A_CALL = 500;
const JOINED = [279, 1].map((associationTypeId) => ({ associationCategory: 'HUBSPOT_DEFINED', associationTypeId }));

async function post(path, body) {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${given.token}` };
  const response = await fetch(given.hubspot + path, { method: 'POST', headers, body: JSON.stringify(body), signal: AbortSignal.timeout(CALL_MS) });
  const text = await response.text();
  if (response.ok) return JSON.parse(text);
  // An earlier attempt whose answer was lost: HubSpot names the contact that has this address.
  const existing = response.status === 409 && /Existing ID: (\d+)/.exec(text);
  if (existing) return { id: existing[1] };
  throw new Error(`${response.status} ${path}`);
}

const create = async (type, properties) => ({ type, id: (await post(`/crm/v3/objects/${type}`, { properties })).id });

const calls = {
  company: (job) => create('companies', { name: `Company ${job.data.record}`, simulation_key: `peer-${job.data.record}-c` }),
  contact: (job) =>
    create('contacts', { email: `p${job.data.record}@peer.example`, firstname: 'Ada', simulation_key: `peer-${job.data.record}-p0` }),
  join: async (job) => {
    const ids = Object.fromEntries(Object.values(await job.getChildrenValues()).map(({ type, id }) => [type, id]));
    const input = { from: { id: ids.contacts }, to: { id: ids.companies }, types: JOINED };
    await post('/crm/v4/associations/contacts/companies/batch/create', { inputs: [input] });
  },
};

// What joins comes first: a record that was begun is ended before the next one is begun.
function flow(record) {
  const opts = (priority) => ({ priority, attempts: Number(given.attempts), backoff: { type: 'exponential', delay: 1000 } });
  const children = ['company', 'contact'].map((name) => ({ name, queueName: NAME, data: { record }, opts: opts(2) }));
  return { name: 'join', queueName: NAME, data: { record }, opts: opts(1), children };
}

const producer = new FlowProducer({ connection: connection() });
for (let first = 0; first < records; first += A_CALL) {
  await producer.addBulk(Array.from({ length: Math.min(A_CALL, records - first) }, (_, i) => flow(first + i)));
}

const start = Date.now();
const done = [];
const failed = new Set();
await new Promise((resolve) => {
  setTimeout(resolve, Number(given.seconds) * 1000);
  const limiter = perSecond ? { limiter: { max: perSecond, duration: 1000 } } : {};
  const worker = new Worker(NAME, (job) => calls[job.name](job), { connection: connection(), concurrency: Number(given.concurrency), ...limiter });
  const look = () => done.length + failed.size >= records && resolve();
  worker.on('completed', (job) => {
    if (job.name === 'join') done.push(Date.now());
    look();
  });
  worker.on('failed', (job) => {
    if (job && job.attemptsMade >= job.opts.attempts) failed.add(job.data.record);
    look();
  });
});
await answer({ start_ms: start, done_ms: done, failed: failed.size });
