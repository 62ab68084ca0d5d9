// SPDX-License-Identifier: AGPL-3.0-or-later

// Texts of others, made harmless and short.

import { invisible, tags } from './invisible.gen';

/** Takes out what reorders or hides text. Joiners stay: emoji and scripts need them. */
export function harmless(text: string): string {
  return text
    .replace(invisible, '')
    .replace(tags, '$1')
    .replace(/\p{M}{9,}/gu, (marks) => [...marks].slice(0, 8).join(''));
}

/** One line without Markdown, for previews, quotes and screen readers. */
export function plain(markdown: string, most = 140): string {
  const text = harmless(start(markdown, 4 * most))
    .replace(/```[^\n]*\n?/g, '')
    .replace(/!?\[([^\]\n]*)\]\([^)\s]*\)/g, '$1')
    .replace(/(\*\*|__|~~|`)(?=\S)([\s\S]*?\S)\1/g, '$2')
    .replace(/(^|[\s(])[*_](\S(?:[^*_\n]*\S)?)[*_](?=$|[\s).,;:!?])/g, '$1$2')
    .replace(/^\s*(?:#{1,6}|>|[-*+])\s+/gm, '')
    .replace(/\\([\\`*_{}[\]()#+\-.!>~|])/g, '$1')
    .replace(/\s+/g, ' ')
    .trim();
  return text.length > most ? `${start(text, most).trimEnd()}…` : text;
}

/** The beginning of a text, no character of it cut in two. */
function start(text: string, most: number): string {
  const cut = text.slice(0, most);
  return /[\ud800-\udbff]$/.test(cut) ? cut.slice(0, -1) : cut;
}

/** Up to three emoji and nothing else: shown large. */
export function onlyEmoji(text: string): number {
  const trimmed = text.trim();
  if (!trimmed || trimmed.length > 40 || !/[\p{Extended_Pictographic}\p{Regional_Indicator}\u20e3]/u.test(trimmed))
    return 0;
  if (
    !/^(?:[\p{Extended_Pictographic}\p{Emoji_Modifier}\p{Regional_Indicator}\u200d\ufe0f\u{e0030}-\u{e007f}\s]|[\d#*]\ufe0f?\u20e3)+$/u.test(
      trimmed,
    )
  )
    return 0;
  return [...new Intl.Segmenter().segment(trimmed.replace(/\s/g, ''))].length;
}

/** One or two letters for a picture that is missing. */
export function initials(name: string): string {
  const words = harmless(name.split('@')[0] ?? '')
    .split(/[\s._-]+/)
    .filter((w) => /[\p{L}\p{N}]/u.test(w));
  const first = (w: string) => w.match(/[\p{L}\p{N}]/u)?.[0] ?? '';
  const letters = words.length > 1 ? first(words[0]!) + first(words[words.length - 1]!) : first(words[0] ?? '');
  return letters.toLocaleUpperCase() || '·';
}

const hues = [12, 32, 48, 85, 130, 158, 178, 200, 220, 250, 285, 330];

/** One of twelve quiet hues, always the same for an address. */
export function hue(address: string): number {
  let sum = 2166136261;
  for (let i = 0; i < address.length; i++) sum = Math.imul(sum ^ address.charCodeAt(i), 16777619);
  return hues[(sum >>> 0) % hues.length]!;
}

/** Folds case and accents, for looking things up. */
export function fold(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}

/** A file's name, and apart from it the ending that is shown whatever the room. */
export function parted(name: string): [string, string] {
  const clean = [...harmless(name).replace(/\s+/g, ' ')];
  return [clean.slice(0, -12).join(''), clean.slice(-12).join('')];
}

/** Makes a sentence of an error's text. */
export function sentence(text: string): string {
  const whole = text.charAt(0).toLocaleUpperCase() + text.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
