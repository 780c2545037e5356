// The gateway bounds text by one token a byte. Real vocabularies over text of many scripts: never above it, and how far below.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encode as cl100k } from 'gpt-tokenizer/encoding/cl100k_base';
import { encode as o200k } from 'gpt-tokenizer/encoding/o200k_base';

const seed = Number(process.env.SEED ?? 20261121);
const texts = {
  english: 'The gateway sets money aside before every call, and gives back what was not spent. ',
  german: 'Donaudampfschifffahrtsgesellschaftskapitän überprüft Größenverhältnisse. ',
  czech: 'Příliš žluťoučký kůň úpěl ďábelské ódy. ',
  chinese: '预算不会被超出，每一分钱都有记录。', japanese: '予算を超えることはありません。', korean: '예산을 초과하지 않습니다. ',
  arabic: 'لا يتجاوز الإنفاق الحد المسموح به. ', hindi: 'खर्च सीमा से अधिक नहीं होता। ', thai: 'ค่าใช้จ่ายไม่เกินงบประมาณ ', amharic: 'ሰላም ለዓለም ', cuneiform: '𒐫𒀀𒁀𒂀 ',
  emoji: '👩‍👩‍👧‍👦🏳️‍🌈🫠🧿 ', code: 'for (int i = 0; i < n; i++) { a[i] ^= 0xdeadbeef; }\n', digits: '31415926535897932384626433832795 ', signs: '\u0000\u0001{}[]<>|~`^%$#@!\\"\'', private: '\ue000\uf8ff\u{10fffd}',
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
