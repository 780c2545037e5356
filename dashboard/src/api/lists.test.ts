import { expect, test } from 'vitest';
import { everyPage, mostPages } from './lists';

const pages = (count: number) => (cursor: string | undefined) => {
  const page = Number(cursor ?? 0);
  return Promise.resolve({ data: { data: [page], next_cursor: page + 1 < count ? String(page + 1) : null } });
};

test('every page is read, and where there are too many it says so', async () => {
  expect(await everyPage(pages(3))).toEqual({ data: [0, 1, 2], more: false });
  expect(await everyPage(pages(mostPages))).toMatchObject({ more: false });
  const many = await everyPage(pages(mostPages + 1));
  expect([many.data.length, many.more]).toEqual([mostPages, true]);
});

test('a page that is refused refuses the list', async () => {
  const refused = { error: { code: 'store_unavailable' } };
  await expect(everyPage((cursor) => (cursor ? Promise.resolve({ error: refused }) : pages(2)(cursor)))).rejects.toBe(refused);
});
