// SPDX-License-Identifier: AGPL-3.0-or-later

import { clock, momentOf, t } from './i18n';

const hour = 3_600_000;

/** How long, in milliseconds, a conversation can be muted: for ever at last. */
export const muteLengths = [hour, 8 * hour, 7 * 24 * hour, Infinity];

/** Muted until somebody changes it: the largest time that a date can be. */
const forever = 8_640_000_000_000_000;

export function muteUntil(length: number, now: number): number {
  return Math.min(now + length, forever);
}

/** When a conversation that is muted calls again. */
export function muteEnd(until: number, now: number): string {
  if (until >= forever) return t('mute.always');
  const soon = until - now < 24 * hour;
  return t('mute.until', { time: soon ? clock(until) : momentOf(until) });
}
