// How the gateway bounds text, against real vocabularies over text of many scripts: never exceeded, and how far above.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { getTokenizer } from '@anthropic-ai/tokenizer';
import { encode as cl100k } from 'gpt-tokenizer/encoding/cl100k_base';
import { encode as o200k } from 'gpt-tokenizer/encoding/o200k_base';
import { startGateway } from './gateway.js';

const seed = Number(process.env.SEED ?? 20261121);
const texts = {
  english: 'The gateway sets money aside before every call, and gives back what was not spent. ',
  german: 'Donaudampfschifffahrtsgesellschaftskapitän überprüft Größenverhältnisse. ',
  czech: 'Příliš žluťoučký kůň úpěl ďábelské ódy. ',
  chinese: '预算不会被超出，每一分钱都有记录。', japanese: '予算を超えることはありません。', korean: '예산을 초과하지 않습니다. ',
  arabic: 'لا يتجاوز الإنفاق الحد المسموح به. ', hindi: 'खर्च सीमा से अधिक नहीं होता। ', thai: 'ค่าใช้จ่ายไม่เกินงบประมาณ ', amharic: 'ሰላም ለዓለም ', cuneiform: '𒐫𒀀𒁀𒂀 ',
  emoji: '👩‍👩‍👧‍👦🏳️‍🌈🫠🧿 ', code: 'for (int i = 0; i < n; i++) { a[i] ^= 0xdeadbeef; }\n', digits: '31415926535897932384626433832795 ', signs: '\u0000\u0001{}[]<>|~`^%$#@!\\"\'', private: '\ue000\uf8ff\u{10fffd}', grows: '\ufdfa\u3316\u00bc\u2057\u2a0c\u1fcd\u0958\u{1d160}\u0344',
};

let state = seed >>> 0;
const random = (n) => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return state % n; };
const some = () => { const all = Object.values(texts); let text = ''; for (let n = 1 + random(40); n > 0; n--) { const one = [...all[random(all.length)]]; const from = random(one.length); text += one.slice(from, from + 1 + random(one.length)).join(''); } return text; };

for (const [name, encode] of Object.entries({ cl100k, o200k })) {
  test(`no text has more ${name} tokens than bytes`, () => {
    const ratios = [];
    for (const text of [...Object.values(texts), ...Array.from({ length: 2000 }, some)]) {
      const bytes = Buffer.byteLength(text);
      const tokens = encode(text, { allowedSpecial: new Set(), disallowedSpecial: new Set() }).length;
      assert.ok(tokens <= bytes, `seed ${seed}: ${tokens} tokens in ${bytes} bytes of ${JSON.stringify(text)}`);
      ratios.push(bytes / tokens);
    }
    ratios.sort((a, b) => a - b);
    console.log(`${name}: bytes a token, median ${ratios[ratios.length >> 1].toFixed(2)}, p95 ${ratios[Math.floor(ratios.length * 0.95)].toFixed(2)}, least ${ratios[0].toFixed(2)}`);
  });
}

const plain = { allowedSpecial: new Set(), disallowedSpecial: new Set() };
const claude = getTokenizer();
const vocabularies = {
  cl100k: (text) => cl100k(text, plain).length,
  o200k: (text) => o200k(text, plain).length,
  claude: (text) => claude.encode(text.normalize('NFKC'), 'all').length,
};

// What the rule of words rests on: see WordRule.
test('pairs of small letters and spaces are one token in every vocabulary, but for those that the rule leaves out', () => {
  const letters = [...'abcdefghijklmnopqrstuvwxyz'];
  for (const [name, count] of Object.entries(vocabularies)) {
    for (const first of [' ', ...letters]) for (const second of first === ' ' ? [' ', ...letters] : letters) {
      const pair = first + second;
      if (!/[qjxz]/.test(pair) && !['gk', 'wv', 'yf', 'yh', 'yv'].includes(pair)) assert.equal(count(pair), 1, `${name}: "${pair}"`);
    }
  }
});

describe('holds', () => {
  const words = 'the of and a to in is you that it he was for on are as with his they at be this have from or one had by word but not what all were we when your can said there use an each which she do how their if will up other about out many then them these so some her would make like him into time has look two more write go see number no way could people my than first water been call who oil its now find long down day did get come made may part over new sound take only little work know place year live me back give most very after thing our just name good sentence man think say great where help through much before line right too mean old any same tell boy follow came want show also around form three small set put end does another well large must big even such because turn here why ask went men read need land different home us move try kind hand picture again change off play spell air away animal house point page letter mother answer found study still learn should world budget gateway ledger tokens request provider'.split(' ');
  const prose = () => { let text = ''; for (let n = 20 + random(300); n > 0; n--) { const word = words[random(words.length)]; text += (text && !/[.?!] $/.test(text) ? ' ' : '') + (text ? word : word[0].toUpperCase() + word.slice(1)) + (random(12) === 0 ? ', ' : random(15) === 0 ? '. ' : ''); } return text; };
  const code = () => { let text = ''; for (let n = 3 + random(40); n > 0; n--) text += `    const ${words[random(words.length)]}_${random(99)} = await ${words[random(words.length)]}.${words[random(words.length)]}(${random(999)}, "${words[random(words.length)]}");\n`; return text; };
  const letters = () => Array.from({ length: 50 + random(500) }, () => 'abcdefghijklmnopqrstuvwxyz '[random(27)]).join('');
  const kinds = { 'English prose': prose, code, 'letters at random': letters, 'all scripts mixed': some };
  let gateway;
  before(async () => { gateway = await startGateway(); });
  after(() => gateway?.stop());

  const models = {
    'gpt-4o-mini': { path: '/v1/openai/chat/completions', input: 150, output: 600, count: (text) => vocabularies.o200k(text) + 8 },
    'claude-haiku-4-5': { path: '/v1/anthropic/v1/messages', input: 1000, output: 5000, count: (text) => vocabularies.claude(text) + 8 },
  };
  for (const [model, { path, input, output, count }] of Object.entries(models)) {
    test(`${model}: no prompt has more tokens than are held for`, async () => {
      const ask = async (text) => {
        const body = JSON.stringify({ model, max_tokens: 1, messages: [{ role: 'user', content: text }] });
        const answer = await fetch(gateway.url + path, { method: 'POST', headers: { 'X-CM-API-Key': gateway.key, 'content-type': 'application/json', 'anthropic-version': '2023-06-01' }, body });
        assert.equal(answer.status, 200, await answer.text());
        return { id: answer.headers.get('x-cm-request-id'), text, bytes: Buffer.byteLength(body) };
      };
      for (let i = 0; i < 60; i++) await ask(prose());
      const asked = [];
      for (const [kind, make] of Object.entries(kinds)) for (let i = 0; i < 100; i++) asked.push({ kind, ...await ask(make()) });
      const holds = new Map((await gateway.records(460)).map((r) => [r.request_id, r.hold_nano_usd]));
      const ratios = {};
      for (const { kind, id, text, bytes } of asked) {
        const held = (holds.get(id) - output) / input;
        const actual = count(text);
        assert.ok(actual <= held, `seed ${seed}: ${actual} tokens, held for ${held}: ${JSON.stringify(text)}`);
        (ratios[kind] ??= []).push([held / actual, bytes / actual]);
      }
      for (const [kind, all] of Object.entries(ratios)) {
        const at = (which, share) => all.map((r) => r[which]).sort((a, b) => a - b)[Math.floor(all.length * share)].toFixed(1);
        console.log(`${model}, ${kind}: held / actual median ${at(0, 0.5)}, p95 ${at(0, 0.95)}; by bytes alone median ${at(1, 0.5)}, p95 ${at(1, 0.95)}`);
      }
    });
  }
});
