import assert from 'node:assert/strict';
import test from 'node:test';
import OpenAI from 'openai';
import {assertIdle, key, metric, model, patience, story, until, url, weather} from './server.mjs';

const client = new OpenAI({baseURL: url, apiKey: key, maxRetries: 0});
const messages = [{role: 'user', content: 'What is the capital of France?'}];
const plain = {model, messages, max_tokens: 12, thinking: {type: 'disabled'}};
const endless = {...plain, messages: [{role: 'user', content: story}], max_tokens: 100_000, temperature: 2, stream: true};
const tool = {type: 'function', function: {name: weather.name, description: weather.description, parameters: weather.schema}};

test('openai: lists models', patience, async () => {
  const ids = [];
  for await (const one of client.models.list()) ids.push(one.id);
  assert.ok(ids.includes(model) && ids.includes('deepseek-v4-flash'), ids.join());
  assert.equal((await client.models.retrieve(model)).id, model);
});

test('openai: chat', patience, async () => {
  const answer = await client.chat.completions.create(plain);
  assert.equal(typeof answer.choices[0].message.content, 'string');
  assert.ok(['stop', 'length'].includes(answer.choices[0].finish_reason));
  const {usage} = answer;
  assert.equal(usage.prompt_tokens, usage.prompt_cache_hit_tokens + usage.prompt_cache_miss_tokens);
  assert.ok(answer._request_id, 'a request id');
});

test('openai: thinking comes as reasoning_content', patience, async () => {
  const answer = await client.chat.completions.create({model, messages, max_tokens: 12, reasoning_effort: 'high'});
  assert.equal(typeof answer.choices[0].message.reasoning_content, 'string');
  assert.ok(answer.usage.completion_tokens_details.reasoning_tokens > 0);  // if only the one that ends it
});

test('openai: a stream says the same as a whole answer', patience, async () => {
  const fixed = {...plain, seed: 7};
  const whole = await client.chat.completions.create(fixed);
  const stream = await client.chat.completions.create({...fixed, stream: true, stream_options: {include_usage: true}});
  let text = '', usage = null, reason = null;
  for await (const chunk of stream) {
    text += chunk.choices[0].delta.content ?? '';
    usage = chunk.usage ?? usage;
    reason = chunk.choices[0].finish_reason ?? reason;
  }
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(reason, whole.choices[0].finish_reason);
  assert.equal(usage.completion_tokens, whole.usage.completion_tokens);
});

test('openai: a tool round trip', patience, async () => {
  const first = await client.chat.completions.create({...plain, max_tokens: 200, tools: [tool], tool_choice: 'required'});
  const got = first.choices[0].message.tool_calls?.[0];
  const call = {id: got.id, ...got.function};
  assert.ok(['Ulm', 'Oslo'].includes(JSON.parse(call.arguments).city));
  const turn = {role: 'assistant', content: '', tool_calls: [
    {id: call.id, type: 'function', function: {name: call.name, arguments: call.arguments}}]};
  const second = await client.chat.completions.create({
    ...plain, tools: [tool], messages: [...messages, turn, {role: 'tool', tool_call_id: call.id, content: 'sunny'}]});
  assert.ok(second.usage.prompt_tokens > first.usage.prompt_tokens);
});

test('openai: JSON mode', patience, async () => {
  const answer = await client.chat.completions.create({
    ...plain, max_tokens: 100, messages: [{role: 'user', content: 'The capital of France, as JSON'}],
    response_format: {type: 'json_object'}});
  if (answer.choices[0].finish_reason === 'stop') JSON.parse(answer.choices[0].message.content);
});

test('openai: a schema', patience, async () => {
  const answer = await client.chat.completions.create({
    ...plain, max_tokens: 200,
    response_format: {type: 'json_schema', json_schema: {name: 'place', strict: true, schema: weather.schema}}});
  assert.ok(['Ulm', 'Oslo'].includes(JSON.parse(answer.choices[0].message.content).city));
});

test('openai: an aborted stream frees its slot', patience, async () => {
  const stream = await client.chat.completions.create(endless);
  let chunks = 0;
  for await (const _ of stream) {
    if (++chunks === 3) {
      assert.equal(await metric('fathom_running_sequences'), 1);
      stream.controller.abort();
    }
  }
  await assertIdle();
});

test('openai: errors have the classes of the SDK', patience, async () => {
  await assert.rejects(client.chat.completions.create({...plain, model: 'gpt-5'}), (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.match(error.message, /Model Not Exist/);
    assert.equal(error.code, 'invalid_request_error');
    return true;
  });
  await assert.rejects(client.chat.completions.create({...plain, temperature: 3}), OpenAI.BadRequestError);
  const stranger = new OpenAI({baseURL: url, apiKey: 'wrong', maxRetries: 0});
  await assert.rejects(stranger.chat.completions.create(plain), OpenAI.AuthenticationError);
  await assert.rejects(client.get('/nothing/here'), OpenAI.NotFoundError);
});

test('openai: too many requests of one key are a RateLimitError', patience, async () => {
  const streams = await Promise.all(Array.from({length: 4}, () => client.chat.completions.create(endless)));
  try {
    await assert.rejects(client.chat.completions.create(plain), OpenAI.RateLimitError);
  } finally {
    for (const stream of streams) stream.controller.abort();
  }
  await until(async () => (await fetch(`${url}/metrics`, {headers: {authorization: `Bearer ${key}`}})).status === 200,
              'requests are taken again');
  await assertIdle();
});

test('openai: fill in the middle', patience, async () => {
  const answer = await client.completions.create({model, prompt: 'def add(a, b):\n', suffix: '\n', max_tokens: 8});
  assert.equal(answer.object, 'text_completion');
  assert.equal(typeof answer.choices[0].text, 'string');
});

test('openai: responses, streamed and with a tool round trip', patience, async () => {
  const ask = {model, reasoning: {effort: 'none'}, max_output_tokens: 12};
  const answer = await client.responses.create({...ask, input: 'Hello'});
  assert.equal(typeof answer.output_text, 'string');
  assert.ok(['completed', 'incomplete'].includes(answer.status));

  const stream = client.responses.stream({model, max_output_tokens: 12, input: 'Hello'});
  const types = new Set();
  for await (const event of stream) types.add(event.type);
  assert.ok(types.has('response.created') && types.has('response.output_item.done'), [...types].join());
  assert.equal((await stream.finalResponse()).object, 'response');

  const tools = [{type: 'function', name: weather.name, parameters: weather.schema, strict: false}];
  const input = [{role: 'user', content: 'The weather in Ulm?'}];
  const first = await client.responses.create({...ask, max_output_tokens: 200, input, tools, tool_choice: 'required'});
  const got = first.output.find((item) => item.type === 'function_call');
  const call = {id: got.call_id, ...got};
  const second = await client.responses.create({...ask, tools, input: [
    ...input, {type: 'function_call', call_id: call.id, name: call.name, arguments: call.arguments},
    {type: 'function_call_output', call_id: call.id, output: 'sunny'}]});
  assert.ok(second.usage.input_tokens > first.usage.input_tokens);
});
