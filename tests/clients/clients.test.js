// The official clients, unchanged but for base address and key, against a gateway with the simulator behind it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { GoogleGenAI } from '@google/genai';
import { ChatAnthropic } from '@langchain/anthropic';
import { ChatGoogleGenerativeAI } from '@langchain/google-genai';
import { ChatOpenAI } from '@langchain/openai';
import { generateObject, generateText, streamText, tool } from 'ai';
import OpenAI from 'openai';
import { z } from 'zod';
import { startGateway } from './gateway.js';

const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==';
const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false };
let gateway;

before(async () => { gateway = await startGateway(); });
after(() => gateway?.stop());

describe('openai', () => {
  const client = (more) => new OpenAI({ apiKey: gateway.key, baseURL: `${gateway.url}/v1/openai`, ...more });
  const messages = [{ role: 'user', content: 'ping' }];

  test('chat, with the cost in its headers', async () => {
    const { data, response } = await client().chat.completions.create({ model: 'gpt-4o-mini', messages }).withResponse();
    assert.ok(data.choices[0].message.content);
    assert.ok(Number(response.headers.get('x-cm-cost')) > 0);
  });

  test('chat, streamed', async () => {
    let text = '';
    for await (const chunk of await client().chat.completions.create({ model: 'gpt-4o-mini', messages, stream: true })) text += chunk.choices[0]?.delta?.content ?? '';
    assert.ok(text);
  });

  test('tools, structured output, vision', async () => {
    const called = await client().chat.completions.create({ model: 'gpt-4o-mini', messages, tools: [{ type: 'function', function: { name: 'weather', parameters: schema } }], tool_choice: 'required' });
    assert.equal(called.choices[0].message.tool_calls[0].function.name, 'weather');
    const shaped = await client().chat.completions.create({ model: 'gpt-4o-mini', messages, response_format: { type: 'json_schema', json_schema: { name: 'place', schema, strict: true } } });
    assert.equal(typeof JSON.parse(shaped.choices[0].message.content).city, 'string');
    const seen = await client().chat.completions.create({ model: 'gpt-4o', messages: [{ role: 'user', content: [{ type: 'text', text: 'what is it' }, { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } }] }] });
    assert.ok(seen.choices[0].message.content);
  });

  test('responses, plain, streamed and fetched again', async () => {
    const made = await client().responses.create({ model: 'gpt-5-mini', input: 'ping' });
    assert.ok(made.output_text);
    const again = await client().responses.retrieve(made.id);
    assert.equal(again.id, made.id);
    let text = '';
    for await (const event of await client().responses.create({ model: 'gpt-5-mini', input: 'ping', stream: true })) if (event.type === 'response.output_text.delta') text += event.delta;
    assert.ok(text);
  });

  test('embeddings, images, speech, transcription, moderation', async () => {
    assert.ok((await client().embeddings.create({ model: 'text-embedding-3-small', input: 'ping' })).data[0].embedding.length > 0);
    assert.equal((await client().images.generate({ model: 'dall-e-3', prompt: 'a cat' })).data.length, 1);
    const sound = await (await client().audio.speech.create({ model: 'tts-1', voice: 'alloy', input: 'hello' })).arrayBuffer();
    assert.ok(sound.byteLength > 0);
    assert.ok((await client().audio.transcriptions.create({ model: 'whisper-1', file: new File([sound], 'a.mp3') })).text);
    assert.equal((await client().moderations.create({ input: 'ping' })).results.length, 1);
  });

  test('a refusal is no reason to try again', async () => {
    let calls = 0;
    const counting = client({ fetch: (...all) => { calls++; return fetch(...all); } });
    await assert.rejects(counting.chat.completions.create({ model: 'no-such-model', messages }), (e) => e instanceof OpenAI.PermissionDeniedError && e.code === 'model_not_priced');
    assert.equal(calls, 1);
  });
});

describe('@anthropic-ai/sdk', () => {
  const client = () => new Anthropic({ apiKey: gateway.key, baseURL: `${gateway.url}/v1/anthropic` });
  const request = { model: 'claude-sonnet-4-5', max_tokens: 200, messages: [{ role: 'user', content: 'ping' }] };

  test('messages, streamed messages, counting', async () => {
    assert.equal((await client().messages.create(request)).type, 'message');
    const final = await client().messages.stream(request).finalMessage();
    assert.ok(final.usage.output_tokens > 0);
    assert.ok((await client().messages.countTokens({ model: request.model, messages: request.messages })).input_tokens > 0);
  });

  test('tools and vision', async () => {
    const called = await client().messages.create({ ...request, tools: [{ name: 'weather', input_schema: schema }], tool_choice: { type: 'any' } });
    assert.equal(called.content.at(-1).name, 'weather');
    const seen = await client().messages.create({ ...request, messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } }, { type: 'text', text: 'what is it' }] }] });
    assert.ok(seen.content[0].text);
  });

  test('structured output', async () => {
    const shaped = await client().messages.create({ ...request, tools: [{ name: 'place', input_schema: schema }], tool_choice: { type: 'tool', name: 'place' } });
    assert.equal(typeof shaped.content.at(-1).input.city, 'string');
  });

  test('errors are its own', async () => {
    await assert.rejects(client().messages.create({ ...request, model: 'no-such-model' }), (e) => e instanceof Anthropic.PermissionDeniedError && e.error.error.code === 'model_not_priced');
  });
});

describe('@google/genai', () => {
  const client = () => new GoogleGenAI({ apiKey: gateway.key, httpOptions: { baseUrl: `${gateway.url}/v1/google` } });

  test('generateContent, streamed, structured, counted', async () => {
    assert.ok((await client().models.generateContent({ model: 'gemini-2.5-flash', contents: 'ping' })).text);
    let text = '';
    for await (const chunk of await client().models.generateContentStream({ model: 'gemini-2.5-flash', contents: 'ping' })) text += chunk.text ?? '';
    assert.ok(text);
    const shaped = await client().models.generateContent({ model: 'gemini-2.5-flash', contents: 'ping', config: { responseMimeType: 'application/json', responseJsonSchema: schema } });
    assert.equal(typeof JSON.parse(shaped.text).city, 'string');
    assert.ok((await client().models.countTokens({ model: 'gemini-2.5-flash', contents: 'ping' })).totalTokens > 0);
  });

  test('tools and vision', async () => {
    const called = await client().models.generateContent({ model: 'gemini-2.5-flash', contents: 'ping', config: { tools: [{ functionDeclarations: [{ name: 'weather', parametersJsonSchema: schema }] }], toolConfig: { functionCallingConfig: { mode: 'ANY' } } } });
    assert.equal(called.functionCalls[0].name, 'weather');
    const seen = await client().models.generateContent({ model: 'gemini-2.5-flash', contents: [{ role: 'user', parts: [{ inlineData: { mimeType: 'image/png', data: png } }, { text: 'what is it' }] }] });
    assert.ok(seen.text);
  });

  test('errors are its own', async () => {
    await assert.rejects(client().models.generateContent({ model: 'no-such-model', contents: 'ping' }), (e) => e.status === 403);
  });
});

describe('Vercel AI SDK', () => {
  const makers = {
    openai: () => createOpenAI({ apiKey: gateway.key, baseURL: `${gateway.url}/v1/openai` }).chat('gpt-4o'),
    'openai responses': () => createOpenAI({ apiKey: gateway.key, baseURL: `${gateway.url}/v1/openai` })('gpt-4o'),
    anthropic: () => createAnthropic({ apiKey: gateway.key, baseURL: `${gateway.url}/v1/anthropic` })('claude-sonnet-4-5'),
    google: () => createGoogleGenerativeAI({ apiKey: gateway.key, baseURL: `${gateway.url}/v1/google/v1beta` })('gemini-2.5-flash'),
  };
  const weather = tool({ description: 'weather of a city', inputSchema: z.object({ city: z.string() }) });

  for (const [name, model] of Object.entries(makers)) {
    test(`${name}: text, stream, tool, vision`, async () => {
      const plain = await generateText({ model: model(), maxOutputTokens: 500, prompt: 'ping' });
      assert.ok(plain.text);
      assert.ok(plain.usage.outputTokens > 0);
      let text = '';
      for await (const piece of streamText({ model: model(), maxOutputTokens: 500, prompt: 'ping' }).textStream) text += piece;
      assert.ok(text);
      const called = await generateText({ model: model(), maxOutputTokens: 500, prompt: 'ping', tools: { weather }, toolChoice: 'required' });
      assert.equal(called.toolCalls[0].toolName, 'weather');
      const seen = await generateText({ model: model(), maxOutputTokens: 500, messages: [{ role: 'user', content: [{ type: 'text', text: 'what is it' }, { type: 'image', image: Buffer.from(png, 'base64'), mediaType: 'image/png' }] }] });
      assert.ok(seen.text);
    });
  }

  for (const name of ['openai', 'google']) {
    test(`${name}: object`, async () => {
      const { object } = await generateObject({ model: makers[name](), prompt: 'ping', schema: z.object({ city: z.string() }) });
      assert.equal(typeof object.city, 'string');
    });
  }

  test('a refusal is no reason to try again', async () => {
    for (const model of [createOpenAI({ apiKey: gateway.key, baseURL: `${gateway.url}/v1/openai` }).chat('no-such-model'), createAnthropic({ apiKey: gateway.key, baseURL: `${gateway.url}/v1/anthropic` })('no-such-model')]) {
      await assert.rejects(generateText({ model, prompt: 'ping' }), (e) => e.statusCode === 403 && e.isRetryable === false);
    }
  });
});

describe('LangChain JS', () => {
  const makers = {
    openai: () => new ChatOpenAI({ model: 'gpt-4o', apiKey: gateway.key, configuration: { baseURL: `${gateway.url}/v1/openai` } }),
    anthropic: () => new ChatAnthropic({ model: 'claude-sonnet-4-5', apiKey: gateway.key, anthropicApiUrl: `${gateway.url}/v1/anthropic` }),
    google: () => new ChatGoogleGenerativeAI({ model: 'gemini-2.5-flash', apiKey: gateway.key, baseUrl: `${gateway.url}/v1/google` }),
  };
  const weather = { name: 'weather', description: 'weather of a city', schema: z.object({ city: z.string() }) };

  for (const [name, model] of Object.entries(makers)) {
    test(`${name}: invoke, stream, tool, vision`, async () => {
      assert.ok((await model().invoke('ping')).content);
      let text = '';
      for await (const chunk of await model().stream('ping')) text += typeof chunk.content === 'string' ? chunk.content : chunk.content.map((part) => part.text ?? '').join('');
      assert.ok(text);
      const called = await model().bindTools([weather], { tool_choice: name === 'openai' ? 'required' : 'any' }).invoke('ping');
      assert.equal(called.tool_calls[0].name, 'weather');
      const picture = name === 'anthropic' ? { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } } : { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } };
      assert.ok((await model().invoke([{ role: 'user', content: [{ type: 'text', text: 'what is it' }, picture] }])).content);
    });
  }

  test('structured output', async () => {
    const shaped = await makers.openai().withStructuredOutput(z.object({ city: z.string() }), { name: 'place', method: 'jsonSchema', strict: true }).invoke('ping');
    assert.equal(typeof shaped.city, 'string');
  });

  test('a refusal is no reason to try again', async () => {
    const model = new ChatOpenAI({ model: 'no-such-model', apiKey: gateway.key, configuration: { baseURL: `${gateway.url}/v1/openai` } });
    await assert.rejects(model.invoke('ping'), (e) => e.status === 403);
  });
});

describe('Idempotency keys', () => {
  test('openai: the same key gives the same answer, charged once', async () => {
    const client = new OpenAI({ apiKey: gateway.key, baseURL: `${gateway.url}/v1/openai` });
    const ask = () => client.chat.completions.create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'once' }] }, { headers: { 'Idempotency-Key': 'clients-once' } }).withResponse();
    const first = await ask();
    const again = await ask();
    assert.deepEqual(again.data, first.data);
    assert.equal(again.response.headers.get('idempotent-replayed'), 'true');
    assert.equal(again.response.headers.get('x-cm-original-request-id'), first.response.headers.get('x-cm-request-id'));
  });
});

test('every call is in the ledger, told by the provider and within its hold', async () => {
  const records = await gateway.records(50);
  for (const record of records) {
    assert.equal(record.usage_source, 'provider', `${record.endpoint} ${record.model}`);
    assert.ok(record.cost_nano_usd <= record.hold_nano_usd, `${record.endpoint} ${record.model}`);
  }
});
