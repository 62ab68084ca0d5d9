// SPDX-License-Identifier: AGPL-3.0-or-later

import type { RecoveryCheck } from '../core/api.gen';
import { CoreError, type Failure } from '../core/core';
import { date, language, t, type Key } from './i18n';
import { sentence } from './text';

/** Says in the reader's language why something failed. */
export function wording(e: unknown): string {
  return e instanceof CoreError ? told({ code: e.code, text: e.message }) : t('error.failed');
}

/** Words a problem. What has no words of its own is told in English to those who read that, and to others that it failed. */
export function told({ code, text }: Failure): string {
  if (code === 'failed' || code === 'input' || code === 'phase')
    return text && language.value === 'en' ? sentence(text) : t('error.failed');
  return t(`error.${code}` as Key);
}

/** A sentence about a recovery key that was typed in, and whether it is the account's. */
export interface Verdict {
  text: string;
  good: boolean;
}

/** Words the answer about a recovery key: what it is, and what to do. */
export function verdict({ state, replacedAt, reached }: RecoveryCheck): Verdict {
  const good = state === 'current';
  if (state === 'malformed') return { text: t('recovery.malformed'), good };
  const key = `recovery.${state}${reached ? '' : '.offline'}` as const;
  return { text: t(key, { date: date(replacedAt) }), good };
}
