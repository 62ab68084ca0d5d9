// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Message, Notice } from '../core/api.gen';
import { duration, listed, t, type Key } from './i18n';
import { harmless } from './text';

/** How many names one line has, if there are more than that. */
const named = 2;

/** Says what happened in a conversation, with the names that the reader knows. More are others who were added together with the first. */
export function happened(m: Message, more: Message[] = []): string {
  const n = m.notice;
  if (!n || n.kind === 'other') return harmless(m.text);
  return t(`notice.${textOf(n)}${formOf(n, m.own)}` as Key, {
    name: m.author,
    whom: people([n.name, ...more.map((x) => x.notice!.name)]),
    title: n.title,
    time: duration(n.timer),
  });
}

/** The catalogues have a text for each role, and one for a timer that is switched off. */
function textOf({ kind, role, timer }: Notice): string {
  if (kind === 'role') return role;
  return kind === 'timer' && !timer ? 'stay' : kind;
}

/** The form of a text in which the reader is who did it, or to whom it happened. */
function formOf({ kind, self }: Notice, own: boolean): string {
  if (['not-added', 'server-went-back', 'unreadable', 'missing'].includes(kind)) return '';
  if (own) return '.by';
  return self ? '.you' : '';
}

/** Some names in a sentence: the first ones, if they are many. */
function people(names: string[]): string {
  const rest = names.length - named;
  return listed(rest > 1 ? [...names.slice(0, named), t('others', { n: rest })] : names);
}
