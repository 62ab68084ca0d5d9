// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { knowledge } from '../src/model/disclosure';
import { speak } from '../src/model/i18n';
import { noon } from './fake';

const device = { Name: 'ana', Device: '00ff' };
const expires = (days: number) => noon / 1000 + days * 86_400;
const usual = {
  address: 'ana@here.example',
  tables: [
    { table: 'account', rows: [{ Name: 'ana', Length: 2, Head: '06', State: 'FF' }] },
    {
      table: 'statement',
      rows: [
        { Name: 'ana', Number: 0, Published: 0, Statement: 'AA' },
        { Name: 'ana', Number: 1, Published: noon / 1000, Statement: 'BB' },
      ],
    },
    {
      table: 'key_package',
      rows: [
        { ...device, Number: 0, KeyPackage: 'CC' },
        { ...device, Number: 7, KeyPackage: 'DD' },
      ],
    },
    { table: 'mailbox', rows: [{ ...device, Last: 41, Letters: 1, Bytes: 2000 }] },
    { table: 'letter', rows: [{ ...device, Seq: 41, Expires: expires(30), Letter: 'EE' }] },
    {
      table: 'letter_seen',
      rows: [
        { ...device, ID: '01', Seq: 40, Hash: '02', Expires: expires(7) },
        { ...device, ID: '03', Seq: 41, Hash: '04', Expires: expires(8) },
      ],
    },
    { table: 'mailbox_token', rows: [{ ...device, Hash: '05' }] },
    {
      table: 'vault',
      rows: [
        {
          Name: 'ana',
          Vault: 1,
          Objects: 2,
          Bytes: 8192,
          Deletions: 1,
          DeletedBytes: 4096,
          Last: 1,
          Closed: 0,
          Revoked: [],
        },
      ],
    },
    {
      table: 'vault_object',
      rows: [
        { Name: 'ana', Vault: 1, Object: 'config', Content: '06', Size: 4096, Hash: '07' },
        { Name: 'ana', Vault: 1, Object: 'log/0', Content: '08', Size: 4096, Hash: '09' },
      ],
    },
    {
      table: 'vault_deletion',
      rows: [
        {
          ...{ Name: 'ana', Vault: 1, Number: 1, Object: 'log/1', Content: '0a', Size: 4096, Hash: '0b' },
          ...{ Device: '00ff', Session: '01', Asked: noon / 1000, Expires: expires(14) },
        },
      ],
    },
  ],
  not_attributable: [{ table: 'channel', reason: 'names no account' }],
};
const ask = (answer: object, begun = noon) => knowledge({ json: JSON.stringify(answer), begun });
const lines = (answer: object) => ask(answer).facts.map((f) => [f.what, f.many, f.since, f.kept].join(' | '));

test('what the server stores is told in words, with how many, since when and how long', () => {
  assert.deepEqual(lines(usual), [
    'Your address: ana@here.example | 1 | January 14, 2026 | As long as the account exists',
    'Your public record: who you are, which keys are yours and since when | 2 | January 14, 2026 | As long as the account exists',
    'Your devices, by a number each | 1 |  | As long as the account exists',
    'Public keys with which others begin a conversation with you | 2 |  | Each until it is used, a spare one always',
    'Sealed letters that wait for you | 1 (2 kB) |  | Until your device fetches them, or until February 13, 2026',
    'A count of the letters that you ever got | 41 | January 14, 2026 | As long as the account exists',
    'Marks of the letters that came last, so that none is kept twice | 2 |  | Until January 22, 2026',
    'Mark of the token by which letters of your contacts are recognised | 1 |  | As long as the account exists',
    'Pieces of your encrypted backups, with their sizes | 2 (8.2 kB) |  | Until a device of yours deletes them',
    'Pieces that a device deleted from your backups, when, and which device; they can be taken back | 1 (4.1 kB) |  | Until January 28, 2026',
  ]);
  assert.deepEqual(ask(usual).odd, []);
});

test('a server that keeps statements in the account is told in the same words', () => {
  const older = [{ table: 'account', rows: [{ Name: 'ana', Statements: ['AA', 'BB'] }] }, ...usual.tables.slice(2)];
  assert.deepEqual(lines({ ...usual, tables: older }), lines(usual));
});

test('what there are no words for is shown as it came', () => {
  const strange = {
    ...usual,
    tables: [
      ...usual.tables,
      { table: 'diary', rows: [{ Entry: 'seen at ten' }] },
      { table: 'letter', rows: [{ ...device, Seq: 1, Expires: 0, Letter: '', Sender: 'bo@here.example' }] },
      { table: 'account', rows: [], note: 'watched' },
      'nonsense',
    ],
    not_attributable: [...usual.not_attributable, { table: 'ledger', reason: 'because' }],
    comment: 'hello',
  };
  const { odd, facts } = ask(strange);
  for (const part of ['seen at ten', 'bo@here.example', 'watched', 'because', 'hello'])
    assert.ok(
      odd.some((o) => o.data.includes(part)),
      part,
    );
  assert.deepEqual(
    odd.map((o) => o.name),
    ['comment', 'diary', 'letter', 'account', 'account', 'undefined', 'ledger'],
  );
  assert.equal(facts.length, 10);
});

test('every value of an answer is in the table or shown as it came', () => {
  for (const table of usual.tables) {
    const more = {
      ...usual,
      tables: usual.tables.map((x) =>
        x === table ? { ...x, rows: x.rows.map((r) => ({ ...r, Added: 'marked value' })) } : x,
      ),
    };
    assert.ok(
      ask(more).odd.some((o) => o.name === table.table && o.data.includes('marked value')),
      table.table,
    );
  }
});

test('no answer stops the page', () => {
  const letters = (rows: object[]) => ask({ ...usual, tables: [{ table: 'letter', rows }] });
  for (const Expires of [undefined, 'soon', 1e18, -1, null, {}])
    assert.equal(
      letters([{ ...device, Seq: 1, Letter: 'EE', Expires }]).odd[0]?.name,
      'letter',
      JSON.stringify(Expires),
    );
  const many = Array.from({ length: 200_000 }, (_, i) => ({ ...device, Seq: i, Letter: '', Expires: expires(30) }));
  assert.deepEqual(letters(many).odd, []);
});

test('an answer without anything is not invented', () => {
  assert.deepEqual(ask({}, 0), {
    facts: [{ what: 'Your address: ', many: '1', since: '', kept: 'As long as the account exists' }],
    odd: [],
  });
});

test('the table speaks the language of the reader', async () => {
  await speak('de');
  assert.equal(lines(usual)[0], 'Deine Adresse: ana@here.example | 1 | 14. Januar 2026 | Solange es das Konto gibt');
  await speak('en');
});
