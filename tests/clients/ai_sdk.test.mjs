import assert from 'node:assert/strict';
import test from 'node:test';
import {createAnthropic} from '@ai-sdk/anthropic';
import {createDeepSeek} from '@ai-sdk/deepseek';
import {createOpenAICompatible} from '@ai-sdk/openai-compatible';
import {APICallError, generateText, jsonSchema, Output, stepCountIs, streamText, tool} from 'ai';
import {assertIdle, key, model, patience, story, url, weather} from './server.mjs';

const providers = {
  '@ai-sdk/deepseek': createDeepSeek({baseURL: url, apiKey: key})(model),
  '@ai-sdk/openai-compatible': createOpenAICompatible({name: 'fathom', baseURL: url, apiKey: key})(model),
  '@ai-sdk/anthropic': createAnthropic({baseURL: `${url}/anthropic/v1`, apiKey: key})(model),
};
const prompt = 'What is the capital of France?';
const common = {prompt, maxOutputTokens: 12, maxRetries: 0};

for (const [name, languageModel] of Object.entries(providers)) {
  const ask = {...common, model: languageModel};

  test(`${name}: text, whole and streamed, with the reasoning`, patience, async () => {
    const whole = await generateText(ask);
    assert.ok(whole.usage.inputTokens > 0 && whole.usage.outputTokens > 0);
    assert.ok(['stop', 'length'].includes(whole.finishReason), whole.finishReason);
    // The model may choose to think nothing; what it thinks is not text.
    const thinks = whole.content.some((part) => part.type === 'reasoning');
    assert.equal(thinks, typeof whole.reasoningText === 'string');
    const parts = new Set();
    for await (const part of streamText(ask).fullStream) parts.add(part.type);
    const says = parts.has('reasoning-delta') || parts.has('text-delta');
    assert.ok(says && parts.has('finish') && !parts.has('error'), [...parts].join());
  });

  test(`${name}: tools`, patience, async (t) => {
    let calls = 0;
    const result = await generateText({
      ...ask, maxOutputTokens: 100, stopWhen: stepCountIs(2),
      tools: {
        [weather.name]: tool({
          description: weather.description, inputSchema: jsonSchema(weather.schema),
          execute: async () => { ++calls; return 'sunny'; }}),
      }});
    assert.ok(result.steps.length >= 1);
    t.diagnostic(`the model made ${calls} calls`);
  });

  test(`${name}: an abort frees the slot`, patience, async () => {
    const controller = new AbortController();
    const {fullStream} = streamText({...ask, prompt: story, maxOutputTokens: 100_000, abortSignal: controller.signal});
    let deltas = 0;
    for await (const part of fullStream) {
      if (part.type.endsWith('-delta') && ++deltas === 3) controller.abort();
    }
    assert.ok(deltas >= 3);
    await assertIdle();
  });

  test(`${name}: errors are an APICallError`, patience, async () => {
    await assert.rejects(generateText({...ask, temperature: 3, topP: 7}), (error) => {
      assert.ok(APICallError.isInstance(error), String(error));
      assert.equal(error.statusCode, 400);
      return true;
    });
  });
}

test('@ai-sdk/deepseek: an object of a schema', patience, async () => {
  const ask = {...common, model: providers['@ai-sdk/deepseek'], maxOutputTokens: 2000,
               output: Output.object({schema: jsonSchema(weather.schema)})};
  // This client asks for JSON mode, which a small model may fill until the limit: then there is no output, but no error of
  // the API either.
  const answer = await generateText(ask).catch((error) => assert.ok(!APICallError.isInstance(error), error));
  if (answer) assert.equal(typeof answer.output, 'object');
});
