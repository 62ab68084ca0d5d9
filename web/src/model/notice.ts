// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Message } from '../core/api.gen';
import { duration, listed, t, type Key } from './i18n';
import { harmless } from './text';

/** How many names one line has, if there are more than that. */
const named = 2;

/** Says what happened in a conversation, with the names that the reader knows. More are others who were added together with the first. */
export function happened(m: Message, more: Message[] = []): string {
  const n = m.notice;
  if (!n || n.kind === 'other') return harmless(m.text);
  const what = n.kind === 'role' ? n.role : n.kind === 'timer' && !n.timer ? 'stay' : n.kind;
  const form = ['not-added', 'server-went-back', 'unreadable'].includes(what)
    ? ''
    : m.own
      ? '.by'
      : n.self
        ? '.you'
        : '';
  return t(`notice.${what}${form}` as Key, {
    name: m.author,
    whom: people([n.name, ...more.map((x) => x.notice!.name)]),
    title: n.title,
    time: duration(n.timer),
  });
}

/** Some names in a sentence: the first ones, if they are many. */
function people(names: string[]): string {
  const rest = names.length - named;
  return listed(rest > 1 ? [...names.slice(0, named), t('others', { n: rest })] : names);
}
