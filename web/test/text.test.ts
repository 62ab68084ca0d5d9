// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rank, type Command } from '../src/model/palette';
import { fold, harmless, hue, initials, parted, onlyEmoji, plain, sentence } from '../src/model/text';
import { Toasts } from '../src/model/toasts';
import { World } from './fake';

const england = '\u{1f3f4}\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}';
const family = '👩‍👩‍👧‍👦';

test('what reorders or hides text is taken out', () => {
  assert.equal(harmless('invoice\u202egpj.exe'), 'invoicegpj.exe');
  assert.equal(harmless('\u2066a\u2067b\u2068c\u2069d\u200ee\u200ff\u061cg'), 'abcdefg');
  assert.equal(harmless('pay\u200bpal\u00ad\u2060\ufeff\u3164\u{e0041}\u{e007f}'), 'paypal');
  assert.equal(harmless('a\u17b4b\u2065c\ufff0d\u{1bca0}e\u{1d173}f\u{e0fff}g'), 'abcdefg');
  assert.equal(harmless('a\0b\u0007c\u009bd'), 'abcd');
  assert.equal(harmless('a\tb\nc'), 'a\tb\nc');
});

test('emoji and scripts keep their joiners, flags their tags', () => {
  for (const text of [
    family,
    england,
    'नमस्ते',
    'می‌خواهم',
    '❤️',
    'Zoë',
    'שלום',
    '葛\u{e0100}',
    '١\u06dd',
    '⠓\u2800⠊',
    'a\u2028b',
  ])
    assert.equal(harmless(text), text);
});

test('marks pile up only so far', () => {
  assert.equal([...harmless(`a${'\u0301'.repeat(500)}`)].length, 9);
  assert.doesNotMatch(
    harmless(`a${'\u{1d165}'.repeat(20)}`),
    /[\ud800-\udfff](?![\udc00-\udfff])(?<![\ud800-\udbff][\udc00-\udfff])/,
  );
});

test('a preview has no Markdown', () => {
  for (const [markdown, want] of [
    ['**bold** and _soft_, ~~gone~~ `code`', 'bold and soft, gone code'],
    ['# Title\n\n- one\n- two\n> said', 'Title one two said'],
    ['[here](https://example.org) ![picture](x)', 'here picture'],
    ['```go\nfunc main() {}\n```', 'func main() {}'],
    ['snake_case_name 2*3*4', 'snake_case_name 2*3*4'],
    ['\\*as it is\\*', '*as it is*'],
    ['a\u202eb', 'ab'],
  ] as const)
    assert.equal(plain(markdown), want);
});

test('a preview is short, cuts no character in two, and takes no time', () => {
  assert.equal(plain('x'.repeat(500)), `${'x'.repeat(140)}…`);
  const cut = plain(`${'x'.repeat(139)}😀😀`);
  assert.equal(cut, `${'x'.repeat(139)}…`);
  const begun = performance.now();
  for (const hard of ['*', '_a ', '[', '**a', '`', '[a](']) plain(hard.repeat(65_536));
  assert.ok(performance.now() - begun < 500);
});

test('emoji alone are counted as people see them', () => {
  for (const [text, n] of [
    ['😀', 1],
    [' 😀 😀 ', 2],
    [family, 1],
    ['🇩🇪🇫🇷', 2],
    [england, 1],
    ['1️⃣', 1],
    ['👍🏽', 1],
  ] as const)
    assert.equal(onlyEmoji(text), n, text);
  for (const text of ['', ' ', '1', '#', 'a😀', '😀.', '\u200d', '\ufe0f', '😀'.repeat(60)])
    assert.equal(onlyEmoji(text), 0, JSON.stringify(text));
});

test('initials are letters', () => {
  for (const [name, want] of [
    ['Ana Maria Silva', 'AS'],
    ['k7q2-m9xd@host', 'KM'],
    ['سارة', 'س'],
    ['👍', '·'],
    ['', '·'],
    ['(Ben)', 'B'],
    ['𝒜lice', '𝒜'],
  ] as const)
    assert.equal(initials(name), want);
});

test('the colour of an address is always the same, and colours are spread', () => {
  assert.equal(hue('ana@example.org'), hue('ana@example.org'));
  assert.equal(new Set(Array.from({ length: 200 }, (_, i) => hue(`person${i}@example.org`))).size, 12);
});

test('a long name of a file keeps its ending', () => {
  assert.deepEqual(parted('short.pdf'), ['', 'short.pdf']);
  const [begin, end] = parted(`${'a'.repeat(100)}\u202efdp.exe`);
  assert.equal(begin + end, `${'a'.repeat(100)}fdp.exe`);
  assert.equal(end, 'aaaaafdp.exe');
  assert.doesNotMatch(parted('😀'.repeat(60)).join(' '), /[\ud800-\udbff](?![\udc00-\udfff])/);
});

test('folding takes case and accents', () =>
  assert.deepEqual([fold('ÀÉÎ Straẞe ﬁ'), fold('İbrahim')], ['aei straße fi', 'ibrahim']));

test('commands fit by all words, the beginning of the title best', () => {
  const command = (title: string, hint = ''): Command => ({
    id: title,
    title,
    hint,
    kind: 'action',
    run: () => undefined,
  });
  const all = [command('Archive', 'ana@x'), command('Banana'), command('Maria Ana'), command('Ana Silva', 'silva@x')];
  assert.deepEqual(
    rank(all, 'ana').map((c) => c.title),
    ['Ana Silva', 'Maria Ana', 'Banana', 'Archive'],
  );
  assert.deepEqual(
    rank(all, 'silva ANA').map((c) => c.title),
    ['Ana Silva'],
  );
  assert.deepEqual(rank(all, 'nobody'), []);
  assert.equal(rank(all, '', 2).length, 2);
});

test('an error becomes a sentence', () => {
  assert.equal(sentence('the server cannot be reached'), 'The server cannot be reached.');
  assert.equal(sentence('Try again!'), 'Try again!');
});

test('notes go by themselves, those with something to do stay', () => {
  const world = new World();
  const toasts = new Toasts(world.later);
  toasts.add('saved');
  toasts.add('saved');
  toasts.add('archived', { label: 'Undo', run: () => undefined });
  assert.deepEqual(
    toasts.list.value.map((x) => x.text),
    ['saved', 'archived'],
  );
  world.pass(2000); // a short note covers something for a short time
  assert.deepEqual(
    toasts.list.value.map((x) => x.text),
    ['archived'],
  );
});
