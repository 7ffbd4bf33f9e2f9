import assert from 'node:assert/strict';
import test from 'node:test';
import {AIMessage, HumanMessage, ToolMessage} from '@langchain/core/messages';
import {ChatDeepSeek} from '@langchain/deepseek';
import {assertIdle, key, model, patience, story, url, weather} from './server.mjs';

const chat = new ChatDeepSeek({model, apiKey: key, maxTokens: 12, maxRetries: 0, configuration: {baseURL: url}});
const tool = {type: 'function', function: {name: weather.name, description: weather.description, parameters: weather.schema}};

test('langchain: a message with its reasoning', patience, async () => {
  const message = await chat.invoke('What is the capital of France?');
  assert.equal(typeof message.additional_kwargs.reasoning_content, 'string');
  assert.ok(message.usage_metadata.input_tokens > 0);
});

test('langchain: a stream', patience, async () => {
  let text = '';
  for await (const chunk of await chat.stream(story))
    text += (chunk.additional_kwargs.reasoning_content ?? '') + chunk.content;
  assert.ok(text.length > 0);
});

test('langchain: a tool round trip', patience, async () => {
  const plain = new ChatDeepSeek({model, apiKey: key, maxTokens: 200, maxRetries: 0, configuration: {baseURL: url},
                                  modelKwargs: {thinking: {type: 'disabled'}}});
  const caller = plain.bindTools([tool]);
  const question = new HumanMessage('The weather in Ulm?');
  const first = await plain.bindTools([tool], {tool_choice: 'required'}).invoke([question]);
  const call = first.tool_calls[0];
  assert.ok(['Ulm', 'Oslo'].includes(call.args.city));
  const turn = new AIMessage({content: '', tool_calls: [{...call, type: 'tool_call'}]});
  const second = await caller.invoke([question, turn, new ToolMessage({tool_call_id: call.id, content: 'sunny'})]);
  assert.ok(second.usage_metadata.input_tokens > first.usage_metadata.input_tokens);
});

test('langchain: an abort frees the slot', patience, async () => {
  const controller = new AbortController();
  const endless = new ChatDeepSeek({model, apiKey: key, maxRetries: 0, configuration: {baseURL: url}});
  let chunks = 0;
  await assert.rejects(async () => {
    for await (const _ of await endless.stream(story, {signal: controller.signal})) {
      if (++chunks === 3) controller.abort();
    }
    throw new Error('aborted');  // a loop that was aborted may also simply end
  }, /abort/i);
  await assertIdle();
});

test('langchain: errors name their status', patience, async () => {
  const wrong = new ChatDeepSeek({model: 'gpt-5', apiKey: key, maxRetries: 0, configuration: {baseURL: url}});
  await assert.rejects(wrong.invoke('Hello'), (error) => error.status === 400 && /Model Not Exist/.test(error.message));
});
