// SPDX-License-Identifier: AGPL-3.0-or-later

import { computed, signal } from '@preact/signals';
import type { devices } from '../locale/devices/en';
import { en } from '../locale/en';
import { harmless } from './text';

/** A text, or its forms by grammatical number. */
export type Entry = string | Partial<Record<Intl.LDMLPluralRule, string>>;
export type Key = keyof typeof en | keyof typeof devices;
export type Catalogue = Record<Key, Entry>;
export type Params = Record<string, string | number>;

/** The languages, named by themselves. */
export const languages = { en: 'English', de: 'Deutsch', fr: 'Français', es: 'Español', ar: 'العربية' } as const;
export type Language = keyof typeof languages;

const loaders: Record<Exclude<Language, 'en'>, () => Promise<Catalogue>> = {
  de: async () => (await import('../locale/de')).de,
  fr: async () => (await import('../locale/fr')).fr,
  es: async () => (await import('../locale/es')).es,
  ar: async () => (await import('../locale/ar')).ar,
};

let wanted: Language = 'en';
/** The English texts, without those of parts that have not been loaded. */
const english = en as Catalogue;
const current = signal<{ language: Language; texts: Catalogue }>({ language: 'en', texts: english });

export const language = computed(() => current.value.language);
export const direction = computed(() => (current.value.language === 'ar' ? 'rtl' : 'ltr'));

const plural = computed(() => new Intl.PluralRules(language.value));
const numbers = computed(() => new Intl.NumberFormat(language.value));

/** Switches to a language; one that cannot be loaded changes nothing. */
export async function speak(language: Language): Promise<void> {
  wanted = language;
  const texts = language === 'en' ? english : await loaders[language]();
  if (wanted === language) current.value = { language, texts };
}

/** Takes the English texts of a part of the page that is loaded later. Other languages have them from the beginning. */
export function learn(texts: Partial<Catalogue>): void {
  Object.assign(english, texts);
}

/** The first of the preferred languages that there is a catalogue for. */
export function choose(preferred: readonly string[]): Language {
  for (const tag of preferred) {
    const base = tag.split('-')[0] as Language;
    if (Object.hasOwn(languages, base)) return base;
  }
  return 'en';
}

/** The text for a key. A number n among the parameters chooses the form. */
export function t(key: Key, params?: Params): string {
  return fill(current.value.texts[key], params, plural.value);
}

export function fill(entry: Entry, params: Params | undefined, rules: Intl.PluralRules): string {
  const text = typeof entry === 'string' ? entry : (entry[rules.select(Number(params?.n ?? 0))] ?? entry.other ?? '');
  return text.replace(/\{(\w+)\}/g, (hole, name: string) => {
    const value = params && Object.hasOwn(params, name) ? params[name]! : hole;
    if (value === hole) return hole;
    return typeof value === 'number' ? number(value) : set(value, rules);
  });
}

/** Letters that are written from the right, and letters that are not. */
const fromRight = /[\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
const fromLeft = /(?![\p{Script=Arabic}\p{Script=Hebrew}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}])\p{L}/u;

/** A name within a text: it neither reorders what is around it nor is reordered by that. */
function set(value: string, rules: Intl.PluralRules): string {
  const clean = harmless(value);
  const foreign = rules.resolvedOptions().locale.startsWith('ar') ? fromLeft : fromRight;
  return foreign.test(clean) ? `\u2068${clean}\u2069` : clean;
}

/** Several things in a sentence. */
export function listed(all: string[]): string {
  return new Intl.ListFormat(language.value).format(all.map(harmless));
}

export function number(n: number): string {
  return numbers.value.format(n);
}

const formats = new Map<string, Intl.DateTimeFormat>();

function format(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = language.value + name;
  let f = formats.get(key);
  if (!f) formats.set(key, (f = new Intl.DateTimeFormat(language.value, options)));
  return f;
}

const dayLength = 86_400_000;
/** The last moment that there is a date for (ECMA-262, Time Values). */
const lastMoment = 8.64e15;

/** Writes a moment; one that there is no date for is no reason to stop. */
function write(name: string, options: Intl.DateTimeFormatOptions, at: number): string {
  return Math.abs(at) <= lastMoment ? format(name, options).format(at) : '';
}

/** The beginning of a moment's day, where the reader is. */
export function dayOf(at: number): number {
  return new Date(at).setHours(0, 0, 0, 0);
}

export function clock(at: number): string {
  return write('clock', { hour: 'numeric', minute: '2-digit' }, at);
}

export function moment(at: number): string {
  return write('moment', { dateStyle: 'medium', timeStyle: 'short' }, at);
}

/** A day of this year or the next, with its time. */
export function momentOf(at: number): string {
  return write('moment-of', { day: 'numeric', month: 'long', hour: 'numeric', minute: '2-digit' }, at);
}

/** A day, whatever day it is now. */
export function date(at: number): string {
  return write('full-day', { day: 'numeric', month: 'long', year: 'numeric' }, at);
}

/** A moment as a list shows it: a time today, then a day, then a date. */
export function brief(at: number, now: number): string {
  const days = Math.round((dayOf(now) - dayOf(at)) / dayLength);
  if (days === 0) return clock(at);
  if (days === 1) return t('yesterday');
  if (days > 0 && days < 7) return write('weekday', { weekday: 'short' }, at);
  if (new Date(at).getFullYear() === new Date(now).getFullYear())
    return write('date', { day: 'numeric', month: 'short' }, at);
  return write('year', { day: '2-digit', month: '2-digit', year: '2-digit' }, at);
}

/** A day as a timeline shows it. */
export function dayName(at: number, now: number): string {
  const days = Math.round((dayOf(now) - dayOf(at)) / dayLength);
  if (days === 0) return t('today');
  if (days === 1) return t('yesterday');
  if (days > 0 && days < 7) return write('long-weekday', { weekday: 'long' }, at);
  if (new Date(at).getFullYear() === new Date(now).getFullYear())
    return write('day', { weekday: 'long', day: 'numeric', month: 'long' }, at);
  return date(at);
}

/** A size in bytes for people. */
export function size(bytes: number): string {
  const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte'] as const;
  let unit = 0;
  while (bytes >= 999.5 && unit < units.length - 1) {
    bytes /= 1000;
    unit++;
  }
  const written = new Intl.NumberFormat(language.value, {
    style: 'unit',
    unit: units[unit],
    unitDisplay: unit ? 'short' : 'narrow',
    maximumFractionDigits: bytes < 10 && unit > 0 ? 1 : 0,
  }).format(bytes);
  return written.replace(/(\d)(?=\p{L})/u, '$1\u00a0');
}

/** A duration in milliseconds in its largest whole unit. */
export function duration(ms: number): string {
  const steps: [number, string][] = [
    [7 * dayLength, 'week'],
    [dayLength, 'day'],
    [3_600_000, 'hour'],
    [60_000, 'minute'],
    [1000, 'second'],
  ];
  const [length, unit] = steps.find(([l]) => ms >= l && ms % l === 0) ?? [1000, 'second'];
  return new Intl.NumberFormat(language.value, { style: 'unit', unit, unitDisplay: 'long' }).format(
    Math.round(ms / length),
  );
}

/** Minutes and seconds. */
export function playTime(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, '0')}`;
}
