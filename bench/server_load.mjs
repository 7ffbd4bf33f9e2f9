// What a server bears: node bench/server_load.mjs PROGRAM [MODEL]   (docs/server.md has the figures)
//   1. 1000 event streams that wait for their turn: all get signs of life, all are freed when they leave
//   2. 200 requests at once: all are answered
//   3. a client that never reads: the others are as fast as before
//   4. 10,000 malformed requests of 20 kinds: each gets its 4xx
// and the memory of the server before and after each.
import {spawn} from 'node:child_process';
import net from 'node:net';
import {setTimeout as sleep} from 'node:timers/promises';

const [program, model] = process.argv.slice(2);
const server = spawn(program, ['serve', ...(model ? [model] : []), '--port', '0', '--access-log', 'none', '--running', '16',
                               '--queue', '2000'], {stdio: ['ignore', 'pipe', 'inherit']});
const port = await new Promise((resolve) => {
  let text = '';
  server.stdout.on('data', (data) => {
    const match = (text += data).match(/serves at http:\/\/[^:]+:(\d+)/);
    if (match) resolve(Number(match[1]));
  });
});

const seconds = (since) => (performance.now() - since) / 1000;
const chat = (members) => JSON.stringify({
  model: 'deepseek-v4-flash', messages: [{role: 'user', content: 'Write a long story about the sea.'}],
  thinking: {type: 'disabled'}, temperature: 2, ...members});
const post = (body, path = '/chat/completions', headers = '') =>
  `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${headers}` +
  `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

// Sends bytes on a connection of its own; what came until it closed, or until `enough` says so.
function exchange(bytes, enough = () => false) {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(bytes));
    let text = '';
    const done = () => { socket.destroy(); resolve(text); };
    socket.on('data', (data) => { text += data; if (enough(text)) done(); });
    socket.on('close', done);
    socket.on('error', done);
  });
}
// One answer of a known length, or up to the last chunk.
const isWhole = (text) => {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = text.match(/content-length: (\d+)/i);
  return length ? Buffer.byteLength(text) >= Buffer.byteLength(text.slice(0, end + 4)) + Number(length[1])
                : text.endsWith('0\r\n\r\n');
};
const statusOf = (text) => Number(text.split(' ')[1] ?? 0);

async function metrics() {
  const text = await exchange('GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
  const value = (name) => [...text.matchAll(new RegExp(`^${name}(?:{.*})? (.*)$`, 'gm'))].reduce((sum, m) => sum + Number(m[1]), 0);
  return {mib: value('fathom_resident_memory_bytes') / 2 ** 20, running: value('fathom_running_sequences'),
          queued: value('fathom_queued_requests')};
}
async function untilIdle() {
  for (let i = 0; i < 600; ++i) {
    const now = await metrics();
    if (now.running + now.queued === 0) return;
    await sleep(100);
  }
  throw new Error('requests of clients that are gone are still there');
}
async function report(name, found, begin) {
  const {mib} = await metrics();
  console.log(`${name}: ${found}; ${seconds(begin).toFixed(1)} s; resident ${mib.toFixed(0)} MiB`);
}
function check(condition, what) {
  if (condition) return;
  console.error(`FAILED: ${what}`);
  server.kill();
  process.exit(1);
}

await exchange(post(chat({max_tokens: 4})), isWhole);  // so that the memory of a first pass is there
await report('start', 'one answer', performance.now());

{
  const begin = performance.now();
  const sockets = [], alive = new Set();
  for (let i = 0; i < 1000; ++i) {
    const socket = net.connect(port, '127.0.0.1');
    socket.on('error', () => {});
    socket.on('data', () => alive.add(i));
    socket.write(post(chat({max_tokens: 100_000, stream: true})));
    sockets.push(socket);
  }
  for (let i = 0; i < 600 && alive.size < 1000; ++i) await sleep(100);
  check(alive.size === 1000, `${alive.size} of 1000 streams heard something`);
  await report('1000 waiting streams', `${alive.size} heard of the server`, begin);
  for (const socket of sockets) socket.destroy();
  await untilIdle();
  await report('1000 streams left', 'none is made or waits any more', begin);
}
{
  const begin = performance.now();
  const answers = await Promise.all(Array.from({length: 200}, () => exchange(post(chat({max_tokens: 16})), isWhole)));
  const good = answers.filter((text) => statusOf(text) === 200 && text.includes('"finish_reason"')).length;
  check(good === 200, `${good} of 200 requests were answered`);
  await report('200 requests at once', `${good} answered`, begin);
}
{
  const timed = async () => {
    const begin = performance.now();
    for (let i = 0; i < 10; ++i) await exchange(post(chat({max_tokens: 16, seed: i})), isWhole);
    return seconds(begin) / 10;
  };
  const before = await timed();
  const begin = performance.now();
  const lazy = [];
  for (let i = 0; i < 8; ++i) {
    const socket = net.connect({port, host: '127.0.0.1', onread: {buffer: Buffer.alloc(1), callback: () => false}});
    socket.on('error', () => {});
    socket.write(post(chat({max_tokens: 100_000, stream: true, logprobs: true, top_logprobs: 20})));
    lazy.push(socket);
  }
  await sleep(8000);  // until the buffers between are full
  const beside = await timed();
  await report('8 clients that never read', `an answer beside them takes ${(beside * 1000).toFixed(0)} ms, alone ` +
               `${(before * 1000).toFixed(0)} ms`, begin);
  for (const socket of lazy) socket.destroy();
  await untilIdle();
}
{
  const begin = performance.now();
  const message = (one) => chat({messages: [one]});
  const kinds = [
    [400, 'no HTTP at all\r\n\r\n'], [400, 'POST /chat/completions HTTP/9.9\r\n\r\n'],
    [400, 'POST /chat/completions HTTP/1.1\r\nContent-Length: many\r\n\r\n'],
    [400, 'POST / HTTP/1.1\r\nno header\r\n\r\n'],
    [431, `GET /models HTTP/1.1\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`],
    [413, 'POST /chat/completions HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n'],
    [404, post('{}', '/nothing')], [405, post('{}', '/models')], [400, post('')], [400, post('{')], [400, post('[]')],
    [400, post('\xff\xfe')], [400, post('['.repeat(100_000))], [400, post('{"model": 3}')],
    [400, post(chat({model: 'gpt-5'}))], [400, post(chat({messages: []}))], [400, post(chat({temperature: 'hot'}))],
    [400, post(message({role: 'tool', tool_call_id: 'x', content: 'y'}))],
    [400, post(chat({}), '/anthropic/v1/messages').replace('"thinking"', '"messages":3,"thinking"')],
    [400, post(chat({}), '/responses')],
  ];
  const wrong = new Map();
  let sent = 0;
  const worker = async () => {
    while (sent < 10_000) {
      const [status, bytes] = kinds[sent++ % kinds.length];
      const got = statusOf(await exchange(bytes, isWhole));
      if (got !== status) wrong.set(`${status}, not ${got}: ${bytes.slice(0, 60)}`, (wrong.get(bytes) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({length: 32}, worker));
  check(wrong.size === 0, [...wrong.keys()].join('\n'));
  await report('10,000 malformed requests of 20 kinds', 'each got its 4xx', begin);
}
const good = await exchange(post(chat({max_tokens: 4})), isWhole);
check(statusOf(good) === 200, 'the server answers after all that');
server.kill();
