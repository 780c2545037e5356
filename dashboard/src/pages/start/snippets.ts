/** What a newcomer pastes; the key's place is named where no key is at hand. */
export function snippets(address: string, key: string | null): { id: string; title: string; code: string }[] {
  const secret = key ?? 'YOUR_KEY';
  return [
    { id: 'curl', title: 'curl', code: `curl -i ${address}/v1/openai/chat/completions \\
  -H "Authorization: Bearer ${secret}" -H "Content-Type: application/json" \\
  -d '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"ping"}],"max_tokens":20}'` },
    { id: 'openai-python', title: 'OpenAI, Python', code: `from openai import OpenAI

client = OpenAI(base_url="${address}/v1/openai", api_key="${secret}")
answer = client.chat.completions.create(
    model="gpt-4o-mini",
    messages=[{"role": "user", "content": "ping"}],
)
print(answer.choices[0].message.content)` },
    { id: 'openai-js', title: 'OpenAI, JavaScript', code: `import OpenAI from 'openai';

const client = new OpenAI({ baseURL: '${address}/v1/openai', apiKey: '${secret}' });
const answer = await client.chat.completions.create({
  model: 'gpt-4o-mini',
  messages: [{ role: 'user', content: 'ping' }],
});
console.log(answer.choices[0].message.content);` },
    { id: 'anthropic', title: 'Anthropic, Python', code: `from anthropic import Anthropic

client = Anthropic(base_url="${address}/v1/anthropic", api_key="${secret}")
answer = client.messages.create(
    model="claude-sonnet-4-5",
    max_tokens=200,
    messages=[{"role": "user", "content": "ping"}],
)
print(answer.content[0].text)` },
    { id: 'gemini', title: 'Gemini, Python', code: `from google import genai
from google.genai import types

client = genai.Client(api_key="${secret}", http_options=types.HttpOptions(base_url="${address}/v1/google"))
answer = client.models.generate_content(model="gemini-2.5-flash", contents="ping")
print(answer.text)` },
  ];
}
