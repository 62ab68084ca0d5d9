// SPDX-License-Identifier: AGPL-3.0-or-later

import { h, type VNode } from 'preact';
import type { Message } from '../core/api.gen';
import { t } from '../model/i18n';
import { Icon, type IconName } from './parts';

const signs: Record<
  string,
  [IconName, 'state.waiting' | 'state.sent' | 'state.delivered' | 'state.read' | 'state.failed']
> = {
  waiting: ['clock', 'state.waiting'],
  sent: ['check', 'state.sent'],
  delivered: ['checks', 'state.delivered'],
  read: ['checks', 'state.read'],
  failed: ['failed', 'state.failed'],
};

/** How far an own message has come. */
export function Ticks({ m }: { m: Message }): VNode | null {
  const sign = m.own && !m.notice ? signs[m.state] : undefined;
  if (!sign) return null;
  return (
    <span class={`ticks ${m.state}`} role="img" aria-label={t(sign[1])} title={t(sign[1])}>
      <Icon name={sign[0]} size="tiny" />
    </span>
  );
}

export function stateName(m: Message): string {
  const sign = m.own ? signs[m.state] : undefined;
  return sign ? t(sign[1]) : '';
}
