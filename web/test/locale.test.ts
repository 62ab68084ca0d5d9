// SPDX-License-Identifier: AGPL-3.0-or-later

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ar } from '../src/locale/ar';
import { de } from '../src/locale/de';
import { devices } from '../src/locale/devices/en';
import { en as first } from '../src/locale/en';
import { es } from '../src/locale/es';
import { fr } from '../src/locale/fr';
import {
  brief,
  choose,
  clock,
  direction,
  dayName,
  duration,
  type Entry,
  fill,
  language,
  languages,
  size,
  speak,
  t,
} from '../src/model/i18n';
import { noon } from './fake';

/** All texts in English, with those that are loaded later. */
const en = { ...first, ...devices };
const catalogues: Record<string, Record<string, Entry>> = { en, de, fr, es, ar };

/** The numbers that a language's form stands for alone, so that it may say them in a word. */
const single: Record<string, string[]> = { en: ['one'], de: ['one'], es: ['one'], fr: [], ar: ['zero', 'one', 'two'] };

const forms = (e: Entry): [string, string][] => (typeof e === 'string' ? [['other', e]] : Object.entries(e));
const holes = (text: string) => [...new Set(text.match(/\{\w+\}/g) ?? [])].sort();

for (const [name, catalogue] of Object.entries(catalogues)) {
  test(`${name} has every text`, () => {
    assert.deepEqual(Object.keys(catalogue).sort(), Object.keys(en).sort());
    for (const [key, entry] of Object.entries(catalogue)) {
      assert.equal(typeof entry, typeof en[key as keyof typeof en], `${key}: only one of both has forms`);
      for (const [form, text] of forms(entry))
        assert.ok(text.trim() && text === text.trim(), `${key}.${form} is empty or has space around it`);
    }
  });

  test(`${name} has the forms of its grammar`, () => {
    const wanted = [...new Intl.PluralRules(name).resolvedOptions().pluralCategories].sort();
    for (const [key, entry] of Object.entries(catalogue)) {
      if (typeof entry !== 'string') assert.deepEqual(Object.keys(entry).sort(), wanted, key);
    }
  });

  test(`${name} has the same places for names and numbers`, () => {
    for (const [key, entry] of Object.entries(catalogue)) {
      const wanted = new Set(forms(en[key as keyof typeof en] as Entry).flatMap(([, text]) => holes(text)));
      const have = new Set(forms(entry).flatMap(([, text]) => holes(text)));
      assert.deepEqual([...have].sort(), [...wanted].sort(), key);
      for (const [form, text] of forms(entry)) {
        const counts = wanted.has('{n}') && !single[name]!.includes(form) && !noNumber(name, key, form);
        if (counts) assert.ok(text.includes('{n}'), `${key}.${form} does not say how many`);
      }
    }
  });

  test(`${name} speaks plainly`, () => {
    for (const [key, entry] of Object.entries(catalogue)) {
      for (const [, text] of forms(entry)) {
        assert.doesNotMatch(text, /[!¡！]/, `${key} shouts`);
        assert.doesNotMatch(text, /\.\.\.|'|"/, `${key} has marks of a typewriter`);
        assert.doesNotMatch(text, /epoch|key package|ratchet|MLS\b/i, `${key} has jargon`);
      }
    }
  });

  if (name === 'en') continue;
  test(`${name} is translated`, () => {
    const same = Object.keys(en).filter(
      (k) =>
        /\p{L}{4}/u.test(JSON.stringify(catalogue[k]).replace(/\{\w+\}|"(one|other|many)"/g, '')) &&
        JSON.stringify(catalogue[k]) === JSON.stringify(en[k as keyof typeof en]),
    );
    const known =
      /^(app|actions|position|pause|details|archive|conversations?|messages?|contacts?|contact|photos|attach\.photos|members|mention|passphrase|create\.host|look\.(size|motion)|settings\.notifications|role\.admin|archive\.count|minutes|said)$/;
    assert.deepEqual(
      same.filter((k) => !known.test(k)),
      [],
    );
  });
}

/** French counts nothing as one, but none of these is ever shown for nothing. */
function noNumber(name: string, key: string, form: string): boolean {
  return name === 'fr' && form === 'one' && ['photos', 'files', 'typing.who'].includes(key);
}

test('French sets no plain space before its marks', () => {
  for (const [key, entry] of Object.entries(fr as Record<string, Entry>)) {
    for (const [, text] of forms(entry)) assert.doesNotMatch(text, / [?!;:]|[^\s\u00a0\u202f][?;](\s|$)/, key);
  }
});

test('Spanish opens what it closes', () => {
  for (const [key, entry] of Object.entries(es as Record<string, Entry>)) {
    for (const [, text] of forms(entry)) assert.equal(text.split('¿').length, text.split('?').length, key);
  }
});

test('Arabic has the marks of its script', () => {
  for (const [key, entry] of Object.entries(ar as Record<string, Entry>)) {
    for (const [, text] of forms(entry)) assert.doesNotMatch(text, /[\u0600-\u06ff][,;?]/, key);
  }
});

test('a value is never read as a pattern or as a place', () => {
  const rules = new Intl.PluralRules('en');
  assert.equal(fill('Block {name}?', { name: "$& $' {name} {n}", n: 3 }, rules), "Block $& $' {name} {n}?");
  assert.equal(fill('{constructor} {gone}', { name: 'x' }, rules), '{constructor} {gone}');
});

test('a name cannot turn the text around it', () => {
  const rules = new Intl.PluralRules('en');
  assert.equal(fill('Block {name}?', { name: 'a\u202eb\u2067c\u2069' }, rules), 'Block abc?');
  assert.equal(fill('Block {name}?', { name: 'سارة' }, rules), 'Block \u2068سارة\u2069?');
  assert.equal(fill('حظر {name}؟', { name: 'Ana' }, new Intl.PluralRules('ar')), 'حظر \u2068Ana\u2069؟');
  assert.equal(fill('حظر {name}؟', { name: 'Олег' }, new Intl.PluralRules('ar')), 'حظر \u2068Олег\u2069؟');
  assert.equal(fill('حظر {name}؟', { name: 'سارة 2' }, new Intl.PluralRules('ar')), 'حظر سارة 2؟');
});

test('forms follow the number', async () => {
  assert.equal(t('members', { n: 1 }), '1 member');
  assert.equal(t('members', { n: 1234 }), '1,234 members');
  await speak('ar');
  assert.equal(direction.value, 'rtl');
  for (const [n, want] of [
    [1, /^عضو واحد$/],
    [2, /^عضوان$/],
    [3, /أعضاء$/],
    [11, /عضوًا$/],
    [100, /عضو$/],
  ] as const)
    assert.match(t('members', { n }), want);
  await speak('de');
  assert.equal(t('members', { n: 1234 }), '1.234 Mitglieder');
  assert.equal(direction.value, 'ltr');
  await speak('en');
});

test('the language that was asked for last is spoken', async () => {
  const slow = speak('fr');
  await speak('en');
  await slow;
  assert.equal(language.value, 'en');
});

test('the first known language is chosen', () => {
  assert.equal(choose(['tlh', 'de-AT', 'fr']), 'de');
  assert.equal(choose(['constructor', '__proto__', 'xx']), 'en');
  assert.equal(choose([]), 'en');
  assert.deepEqual(Object.keys(languages).sort(), Object.keys(catalogues).sort());
});

test('a moment that there is no date for, or that is yet to come, is none of today', () => {
  for (const at of [9e15, -9e15, 2 ** 62, NaN])
    assert.deepEqual([clock(at), brief(at, noon), dayName(at, noon)], ['', '', ''], String(at));
  const later = noon + 3 * 86_400_000;
  assert.deepEqual([brief(later, noon), dayName(later, noon)], ['Jan 17', 'Saturday, January 17']);
});

test('sizes, durations and days are in words', () => {
  assert.equal(size(999), '999\u00a0B');
  assert.equal(size(999_600), '1 MB');
  assert.equal(size(1_540_000), '1.5 MB');
  assert.equal(duration(7 * 86_400_000), '1 week');
  assert.equal(duration(5_400_000), '90 minutes');
  assert.equal(dayName(noon, noon + 3_600_000), 'Today');
  assert.equal(dayName(noon - 86_400_000, noon), 'Yesterday');
  assert.match(dayName(noon - 400 * 86_400_000, noon), /2024/);
});
