// SPDX-License-Identifier: AGPL-3.0-or-later

import { CoreError, type Failure } from '../core/core';
import { language, t, type Key } from './i18n';
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
