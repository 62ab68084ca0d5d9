// SPDX-License-Identifier: AGPL-3.0-or-later

import { signal } from '@preact/signals';
import type { LinkingChanged } from '../core/api.gen';
import type { Core } from '../core/core';
import { t } from './i18n';
import { told, wording } from './problem';

/** How many digits the new device shows. */
export const digitCount = 6;

/** Two devices of which one lets the other into its account, as seen from one of them. */
export class Linking {
  /** How far they have come, null before anything was heard. */
  readonly now = signal<LinkingChanged | null>(null);
  readonly busy = signal(false);
  /** Why it ended, or why it has to be tried again. */
  readonly problem = signal('');
  /** The code of why it ended, empty while it goes on. */
  readonly failure = signal('');
  private id = '';
  private readonly off: () => void;

  constructor(private readonly core: Core) {
    this.off = core.on('linking', (e) => e.id === this.id && this.take(e));
  }

  /** Begins, by a call that takes the name of this linking. An earlier one ends. */
  async begin(call: (id: string) => Promise<unknown>): Promise<void> {
    const id = crypto.randomUUID();
    this.id = id;
    this.now.value = null;
    this.problem.value = this.failure.value = '';
    this.busy.value = true;
    try {
      await call(id);
    } catch (e) {
      if (this.id !== id) return;
      this.problem.value = wording(e);
      this.failure.value = 'failed';
      this.busy.value = false;
      this.id = '';
    }
  }

  /** Passes on the digits that the new device shows. */
  async confirm(digits: string): Promise<void> {
    this.busy.value = true;
    this.problem.value = '';
    await this.core.call('linkingDigits', { id: this.id, digits });
  }

  /** Ends it, if it has not ended: nothing is linked. */
  cancel(): void {
    const { id } = this;
    this.id = '';
    this.now.value = null;
    this.problem.value = this.failure.value = '';
    this.busy.value = false;
    if (id) void this.core.call('linkingCancel', { id }).catch(() => undefined);
  }

  /** Cancels, and hears nothing any more. */
  leave(): void {
    this.off();
    this.cancel();
  }

  private take(e: LinkingChanged): void {
    const again = e.state === 'asks' && this.now.value?.state === 'asks';
    this.now.value = e;
    this.busy.value = false;
    if (again) this.problem.value = t('link.wrong', { n: e.left });
    if (e.state === 'linked' || e.state === 'failed') this.id = '';
    if (e.state !== 'failed') return;
    this.failure.value = e.error?.code ?? 'failed';
    this.problem.value = e.error ? told(e.error) : t('error.failed');
  }
}

/** Digits in two groups, as the new device shows them, out of what somebody typed. */
export function grouped(text: string): string {
  const digits = text.replace(/[^\d]/g, '').slice(0, digitCount);
  return digits.length > 3 ? `${digits.slice(0, 3)} ${digits.slice(3)}` : digits;
}
