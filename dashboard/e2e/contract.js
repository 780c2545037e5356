// Writes the gateway's OpenAPI document, in a fixed order, to where the dashboard's types are made from: npm run contract
import { writeFileSync } from 'node:fs';
import { startGateway } from './gateway.js';

const sorted = (value) => (Array.isArray(value) ? value.map(sorted) : value && typeof value === 'object' ? Object.fromEntries(Object.keys(value).sort().map((k) => [k, sorted(value[k])])) : value);
const gateway = await startGateway();
try {
  const document = await (await fetch(`${gateway.url}/openapi/v1.json`)).json();
  writeFileSync(new URL('../openapi.json', import.meta.url), JSON.stringify(sorted(document), null, 2) + '\n');
} finally { await gateway.stop(); }
