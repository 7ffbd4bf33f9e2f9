// What all client tests share: where the server is, and how to look into it.
// run.sh starts it and says where in FATHOM_URL; it takes the key FATHOM_KEY.
import assert from 'node:assert/strict';
import {setTimeout as sleep} from 'node:timers/promises';

export const url = process.env.FATHOM_URL;
export const key = process.env.FATHOM_KEY;
export const model = process.env.FATHOM_MODEL;

export const patience = {timeout: 300_000};

// A forced call of this writes numbers for some seconds, whatever the model.
export const counter = {
  name: 'count',
  description: 'Takes many numbers',
  schema: {
    type: 'object',
    properties: {numbers: {type: 'array', items: {type: 'integer'}, minItems: 2000}},
    required: ['numbers'],
    additionalProperties: false,
  },
};

// What gets an answer that goes on for a while.
export const story = 'Write a long story about the sea.';

export const weather = {
  name: 'get_weather',
  description: 'The weather in a city',
  schema: {
    type: 'object',
    properties: {city: {type: 'string', enum: ['Ulm', 'Oslo']}},
    required: ['city'],
    additionalProperties: false,
  },
};

// A number from /metrics, summed over its labels.
export async function metric(name) {
  const reply = await fetch(`${url}/metrics`, {headers: {authorization: `Bearer ${key}`}});
  assert.equal(reply.status, 200);
  const lines = (await reply.text()).split('\n').filter((line) => line.startsWith(`${name}{`));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

export async function until(condition, what) {
  for (let i = 0; i < 600; ++i) {
    if (await condition()) return;
    await sleep(100);
  }
  assert.fail(`gave up waiting until ${what}`);
}

// No answer is being made: the slots of those that were given up are free again.
export async function assertIdle() {
  await until(async () => (await metric('fathom_running_sequences')) === 0, 'the server is idle');
}
