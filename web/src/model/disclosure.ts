// SPDX-License-Identifier: AGPL-3.0-or-later

// What a server stores about the account, in words. Whatever these words do
// not cover is handed on as it came: nothing is left out.

import type { Disclosure } from '../core/api.gen';
import { date, number, size, t } from './i18n';

/** One line of the table. */
export interface Fact {
  what: string;
  many: string;
  since: string;
  kept: string;
}

/** Something that there are no words for, by the server's own name. */
export interface Odd {
  name: string;
  data: string;
}

export interface Knowledge {
  facts: Fact[];
  odd: Odd[];
}

type Row = Record<string, unknown>;
type Rows = Record<string, Row[]>;

/** The fields that the words cover, by kind of row. */
const covered: Record<string, string[]> = {
  account: ['Name', 'Length', 'Head', 'State', 'Statements'], // Statements: of older servers
  statement: ['Name', 'Number', 'Published', 'Statement'],
  key_package: ['Name', 'Device', 'Number', 'KeyPackage'],
  mailbox: ['Name', 'Device', 'Last', 'Letters', 'Bytes'],
  letter: ['Name', 'Device', 'Seq', 'Expires', 'Letter'],
  letter_seen: ['Name', 'Device', 'ID', 'Seq', 'Hash', 'Expires'],
  mailbox_token: ['Name', 'Device', 'Hash'],
  reserved_name: ['Name'], // of accounts that are no more: of this one there is none
  recovery: ['Name', 'Counter', 'Device', 'Stored', 'Data'],
  session: ['Name', 'Device', 'Counter', 'ID', 'Highest', 'Copied', 'Generation'],
  vault: ['Name', 'Vault', 'Objects', 'Bytes', 'Deletions', 'DeletedBytes', 'Last', 'Closed', 'Revoked'],
  vault_object: ['Name', 'Vault', 'Object', 'Content', 'Size', 'Hash'],
  vault_deletion: [
    ...['Name', 'Vault', 'Number', 'Object', 'Content', 'Size', 'Hash'],
    ...['Device', 'Session', 'Asked', 'Expires'],
  ],
};

/** What a server stores without a name on it, as the page says. */
const nameless = [
  ...['channel', 'epoch', 'entry', 'blob', 'wake', 'invite', 'totals', 'format', 'expiry', 'state'],
  'vault_content', // of the files of vaults, which vault_object and vault_deletion name
];

/** Words a disclosure. */
export function knowledge({ json, begun }: Disclosure): Knowledge {
  const { address, tables, not_attributable: withheld, ...rest } = record(JSON.parse(json));
  const rows: Rows = {};
  const odd: Odd[] = Object.entries(rest).map(([name, data]) => ({ name, data: pretty(data) }));
  for (const table of list(tables)) {
    const { table: name, rows: all, ...more } = record(table);
    const kind = String(name);
    if (known(kind, list(all)) && !Object.keys(more).length)
      rows[kind] = [...(rows[kind] ?? []), ...list(all).map(record)];
    else odd.push({ name: kind, data: pretty(all ?? table) });
    if (all !== undefined && Object.keys(more).length) odd.push({ name: kind, data: pretty(more) });
  }
  for (const table of list(withheld)) {
    const { table: name, reason } = record(table);
    if (!nameless.includes(String(name))) odd.push({ name: String(name), data: String(reason) });
  }
  return {
    facts: [
      {
        what: t('fact.address', { name: typeof address === 'string' ? address : '' }),
        many: number(1),
        since: since(begun),
        kept: t('kept.account'),
      },
      ...facts(rows, begun),
    ],
    odd,
  };
}

function facts(rows: Rows, begun: number): Fact[] {
  const letters = rows.letter ?? [];
  const boxes = rows.mailbox ?? [];
  const out: [kind: string, fact: Fact][] = [
    [
      'account',
      {
        what: t('fact.record'),
        many: number((rows.statement?.length ?? 0) + sum(rows.account, (r) => list(r.Statements).length)),
        since: since(begun),
        kept: t('kept.account'),
      },
    ],
    ['mailbox', { what: t('fact.devices'), many: number(boxes.length), since: '', kept: t('kept.account') }],
    [
      'key_package',
      { what: t('fact.keys'), many: number(rows.key_package?.length ?? 0), since: '', kept: t('kept.used') },
    ],
    [
      'letter',
      {
        what: t('fact.waiting'),
        many: many(
          letters.length,
          sum(boxes, (r) => Number(r.Bytes)),
        ),
        since: '',
        kept: until('kept.fetched', letters),
      },
    ],
    [
      'mailbox',
      {
        what: t('fact.counted'),
        many: number(sum(boxes, (r) => Number(r.Last))),
        since: since(begun),
        kept: t('kept.account'),
      },
    ],
    [
      'letter_seen',
      {
        what: t('fact.marks'),
        many: number(rows.letter_seen?.length ?? 0),
        since: '',
        kept: until('kept.until', rows.letter_seen ?? []),
      },
    ],
    [
      'session',
      {
        what: t('fact.session'),
        many: number(sum(rows.session, (r) => Number(r.Counter))),
        since: since(begun),
        kept: t('kept.account'),
      },
    ],
    [
      'recovery',
      {
        what: t('fact.recovery'),
        many: number(rows.recovery?.length ?? 0),
        since: '',
        kept: t('kept.account'),
      },
    ],
    [
      'mailbox_token',
      { what: t('fact.token'), many: number(rows.mailbox_token?.length ?? 0), since: '', kept: t('kept.account') },
    ],
    [
      'vault_object',
      { what: t('fact.vault'), many: pieces(rows.vault_object ?? []), since: '', kept: t('kept.deleted') },
    ],
    [
      'vault_deletion',
      {
        what: t('fact.vaultdeleted'),
        many: pieces(rows.vault_deletion ?? []),
        since: '',
        kept: until('kept.until', rows.vault_deletion ?? []),
      },
    ],
  ];
  return out.filter(([kind]) => rows[kind]).map(([, fact]) => fact);
}

/** Whether the words say all that rows of a kind do. */
function known(kind: string, rows: unknown[]): boolean {
  const fields = Object.hasOwn(covered, kind) ? covered[kind]! : [];
  const dated = fields.includes('Expires');
  return (
    fields.length > 0 &&
    rows
      .map(record)
      .every((r) => Object.keys(r).every((name) => fields.includes(name)) && (!dated || isDate(r.Expires)))
  );
}

/** Whether something is a moment in Unix seconds that can be written. */
function isDate(x: unknown): boolean {
  return typeof x === 'number' && x >= 0 && x <= 1e12;
}

function since(begun: number): string {
  return begun ? date(begun) : '';
}

function pieces(rows: Row[]): string {
  return many(
    rows.length,
    sum(rows, (r) => Number(r.Size)),
  );
}

function many(n: number, bytes: number): string {
  return n ? `${number(n)} (${size(bytes)})` : number(n);
}

/** How long rows are kept, the last of which goes when the latest expires. */
function until(key: 'kept.fetched' | 'kept.until', rows: Row[]): string {
  if (!rows.length) return '';
  return t(key, { date: date(1000 * rows.reduce((last, r) => Math.max(last, Number(r.Expires)), 0)) });
}

function sum(rows: Row[] | undefined, of: (r: Row) => number): number {
  return (rows ?? []).reduce((n, r) => n + of(r), 0);
}

function list(x: unknown): unknown[] {
  return Array.isArray(x) ? x : [];
}

function record(x: unknown): Row {
  return typeof x === 'object' && x !== null ? (x as Row) : {};
}

function pretty(x: unknown): string {
  return JSON.stringify(x, null, 2);
}
