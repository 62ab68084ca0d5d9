// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Message } from '../core/api.gen';
import { t } from './i18n';
import { happened } from './notice';
import { harmless, plain } from './text';

/** A message in one line. */
export function preview(m: Message): string {
  if (m.notice) return happened(m);
  if (m.deleted) return t('deleted');
  const first = m.attachments[0];
  if (m.text || !first) return plain(m.text);
  if (first.type.startsWith('audio/')) return t('voice-message');
  if (first.type.startsWith('image/')) return t('photos', { n: m.attachments.length });
  return m.attachments.length > 1 ? t('files', { n: m.attachments.length }) : harmless(first.name);
}
