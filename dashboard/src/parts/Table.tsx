import { Button, Group, Table, Text } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconSelector } from '@tabler/icons-react';
import { type ColumnDef, getCoreRowModel, getSortedRowModel, type OnChangeFn, type RowData, type SortingState, useReactTable, type VisibilityState } from '@tanstack/react-table';
import { type ReactNode, useMemo, useState } from 'react';
import { count } from '../numbers';

declare module '@tanstack/react-table' {
  interface ColumnMeta<TData extends RowData, TValue> { num?: boolean; wrap?: boolean; of?: TData; is?: TValue }
}

interface Props<T> {
  name: string;
  rows: readonly T[];
  columns: ColumnDef<T, never>[] | ColumnDef<T, unknown>[];
  id: (row: T) => string;
  open?: (row: T) => void;
  openLabel?: (row: T) => string;
  empty: ReactNode;
  /** Given when the gateway sorts; otherwise the rows shown are sorted here. */
  sorting?: SortingState;
  onSorting?: OnChangeFn<SortingState>;
  arrived?: ReadonlySet<string>;
  hidden?: VisibilityState;
  /** The list goes on where it was cut. */
  more?: boolean;
}

/** Rows drawn at once: thousands would hold the browser up for seconds. */
const drawnRows = 500;

// Called, not mounted: a column that is made anew with each answer must not close a menu that is open in one of its cells.
const drawn = <C,>(what: ReactNode | ((context: C) => ReactNode), context: C): ReactNode => (typeof what === 'function' ? what(context) : what);

/** A table that can be sorted by its heads and walked by keyboard; wider than the screen it scrolls by itself. */
export function Figures<T>({ name, rows, columns, id, open, openLabel, empty, sorting, onSorting, arrived, hidden, more }: Props<T>) {
  const [own, setOwn] = useState<SortingState>([]);
  const [most, setMost] = useState(drawnRows);
  // The table keeps what a column once computed of a row. Other columns, such as those that have learnt names meanwhile, need rows that it does not know.
  const data = useMemo(() => [...rows], [rows, columns]);
  const table = useReactTable<T>({
    data,
    columns: columns as ColumnDef<T, unknown>[],
    getRowId: id,
    getCoreRowModel: getCoreRowModel(),
    getSortedRowModel: sorting ? undefined : getSortedRowModel(),
    manualSorting: sorting !== undefined,
    enableSortingRemoval: false,
    state: { sorting: sorting ?? own, columnVisibility: hidden ?? {} },
    onSortingChange: onSorting ?? setOwn,
  });
  if (rows.length === 0) return empty;
  return (
    <div className="scroll" role="region" aria-label={name} tabIndex={0}>
      <Table className="figures" verticalSpacing={7} horizontalSpacing="md" highlightOnHover={open !== undefined}>
        <Table.Thead>
          {table.getHeaderGroups().map((group) => (
            <Table.Tr key={group.id}>
              {group.headers.map((head) => {
                const order = head.column.getIsSorted();
                const text = drawn(head.column.columnDef.header, head.getContext());
                return (
                  <Table.Th key={head.id} scope="col" data-num={head.column.columnDef.meta?.num || undefined} aria-sort={order ? (order === 'asc' ? 'ascending' : 'descending') : undefined}>
                    {head.column.getCanSort()
                      ? <button type="button" className="sort" onClick={head.column.getToggleSortingHandler()}>{text}{order === 'asc' ? <IconArrowUp size={13} /> : order === 'desc' ? <IconArrowDown size={13} /> : <IconSelector size={13} opacity={0.4} />}</button>
                      : text}
                  </Table.Th>
                );
              })}
            </Table.Tr>
          ))}
        </Table.Thead>
        <Table.Tbody>
          {table.getRowModel().rows.slice(0, most).map((row) => (
            <Table.Tr key={row.id} data-clickable={open ? true : undefined} className={arrived?.has(row.id) ? 'arrived' : undefined} tabIndex={open ? 0 : undefined}
              aria-label={open ? openLabel?.(row.original) : undefined} onClick={open && (() => open(row.original))}
              onKeyDown={open && ((e) => { if (e.key === 'Enter' && e.target === e.currentTarget) open(row.original); })}>
              {row.getVisibleCells().map((cell) => <Table.Td key={cell.id} className={cell.column.columnDef.meta?.wrap ? 'wrap' : undefined} data-num={cell.column.columnDef.meta?.num || undefined}>{drawn(cell.column.columnDef.cell, cell.getContext())}</Table.Td>)}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {(rows.length > most || more) && (
        <Group gap="xs" p="sm" px="md">
          <Text size="xs" c="dimmed" role="status">{count(Math.min(most, rows.length))} of {count(rows.length)}{more && ' that were read; there are more'}</Text>
          {rows.length > most && <Button size="compact-xs" variant="default" onClick={() => setMost(most + drawnRows)}>Show more</Button>}
        </Group>
      )}
    </div>
  );
}
