// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Message } from '../core/api.gen';
import { duration, t, type Key } from './i18n';
import { harmless } from './text';

/** Says what happened in a conversation, with the names that the reader knows. */
export function happened(m: Message): string {
  const n = m.notice;
  if (!n || n.kind === 'other') return harmless(m.text);
  const what = n.kind === 'role' ? n.role : n.kind === 'timer' && !n.timer ? 'stay' : n.kind;
  const form = what === 'not-added' ? '' : m.own ? '.by' : n.self ? '.you' : '';
  return t(`notice.${what}${form}` as Key, { name: m.author, whom: n.name, title: n.title, time: duration(n.timer) });
}
