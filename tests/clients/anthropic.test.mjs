import assert from 'node:assert/strict';
import test from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import {assertIdle, counter, key, metric, model, patience, until, url, weather} from './server.mjs';

const client = new Anthropic({baseURL: `${url}/anthropic`, apiKey: key, maxRetries: 0});
const messages = [{role: 'user', content: 'What is the capital of France?'}];
const plain = {model, messages, max_tokens: 12, thinking: {type: 'disabled'}};
const tool = {name: weather.name, description: weather.description, input_schema: weather.schema};

test('anthropic: a message', patience, async () => {
  const message = await client.messages.create(plain);
  assert.equal(message.role, 'assistant');
  assert.ok(['end_turn', 'max_tokens'].includes(message.stop_reason));
  assert.ok(message.usage.input_tokens + message.usage.cache_read_input_tokens > 0);
  assert.ok(message._request_id, 'a request id');
});

test('anthropic: thinking, streamed', patience, async () => {
  const stream = client.messages.stream({...plain, thinking: {type: 'enabled', budget_tokens: 1024}});
  const message = await stream.finalMessage();
  for (const block of message.content) {
    assert.ok(['thinking', 'text'].includes(block.type));
    if (block.type === 'thinking') assert.ok(block.signature.length > 0);
  }
});

test('anthropic: the names of Claude', patience, async () => {
  const message = await client.messages.create({...plain, model: 'claude-sonnet-4-5'});
  assert.equal(message.type, 'message');
});

test('anthropic: a tool round trip', patience, async () => {
  const ask = {...plain, max_tokens: 200, tools: [tool]};
  const first = await client.messages.create({...ask, tool_choice: {type: 'tool', name: weather.name}});
  const got = first.content.find((block) => block.type === 'tool_use');
  const call = {...got, arguments: JSON.stringify(got.input)};
  assert.equal(first.stop_reason, 'tool_use');
  const second = await client.messages.create({...ask, max_tokens: 12, messages: [
    ...messages,
    {role: 'assistant', content: [{type: 'tool_use', id: call.id, name: call.name, input: JSON.parse(call.arguments)}]},
    {role: 'user', content: [{type: 'tool_result', tool_use_id: call.id, content: 'sunny'}]}]});
  assert.equal(second.type, 'message');
});

test('anthropic: counts tokens and lists models', patience, async () => {
  const count = await client.messages.countTokens({model, messages});
  assert.ok(count.input_tokens > 0);
  const ids = [];
  for await (const one of client.models.list()) ids.push(one.id);
  assert.ok(ids.includes(model));
});

test('anthropic: an aborted stream frees its slot', patience, async () => {
  const stream = client.messages.stream({
    ...plain, max_tokens: 100_000, tool_choice: {type: 'tool', name: counter.name},
    tools: [{name: counter.name, description: counter.description, input_schema: counter.schema}]});
  await assert.rejects(async () => {
    for await (const event of stream) {
      if (event.type !== 'content_block_delta' || stream.aborted) continue;
      await until(async () => (await metric('fathom_running_sequences')) === 1, 'the answer is under way');
      stream.abort();
    }
    throw new Anthropic.APIUserAbortError();  // a loop that was aborted may also simply end
  }, Anthropic.APIUserAbortError);
  await assertIdle();
});

test('anthropic: errors have the classes of the SDK', patience, async () => {
  await assert.rejects(client.messages.create({...plain, model: 'gpt-5'}), (error) => {
    assert.ok(error instanceof Anthropic.BadRequestError);
    assert.match(error.message, /Model Not Exist/);
    return true;
  });
  const stranger = new Anthropic({baseURL: `${url}/anthropic`, apiKey: 'wrong', maxRetries: 0});
  await assert.rejects(stranger.messages.create(plain), Anthropic.AuthenticationError);
  await assert.rejects(client.get('/v1/nothing'), Anthropic.NotFoundError);
});
