// SPDX-License-Identifier: AGPL-3.0-or-later

import { signal } from '@preact/signals';
import type { Core } from '../core/core';
import { t } from './i18n';
import { verdict, wording } from './problem';

/** The steps: the present key is asked for, the new one shown, then asked for; and the two ways in which it ends. */
export type Step = 'now' | 'next' | 'again' | 'done' | 'waits';

/** Replaces the recovery key. The new one counts once it was typed in, and is forgotten if somebody leaves before. */
export class Replacement {
  readonly step = signal<Step>('now');
  readonly busy = signal(false);
  readonly problem = signal('');
  /** The new key, as long as it does not count. */
  next = '';
  private id = 0;
  private left = false;

  /** notify shows how it ended to somebody who has left. */
  constructor(
    private readonly core: Core,
    private readonly notify: (text: string) => void,
  ) {}

  /** Shows the new key, if the present one was typed in. */
  async begin(key: string): Promise<void> {
    await this.run(async () => {
      const { check, id, next } = await this.core.call('recoveryBegin', { key });
      if (!id) return verdict(check).text;
      this.id = id;
      this.next = next;
      this.step.value = 'next';
      return '';
    });
  }

  /** Moves between showing the new key and asking for it. */
  turn(step: 'next' | 'again'): void {
    this.problem.value = '';
    this.step.value = step;
  }

  /** Replaces the key, if the new one was typed in. */
  async prove(key: string): Promise<void> {
    await this.run(async () => {
      const { outcome } = await this.core.call('recoveryReplace', { id: this.id, key });
      if (outcome === 'differs') return t('recovery.differs');
      this.id = 0;
      this.next = '';
      this.step.value = outcome === 'gone' ? 'now' : outcome;
      return outcome === 'gone' ? t('recovery.gone') : '';
    });
  }

  /** Ends a replacement that was not finished: nothing has changed. What is under way ends first. */
  leave(): void {
    this.left = true;
    if (!this.busy.value && this.id) this.conclude();
  }

  private async run(work: () => Promise<string>): Promise<void> {
    this.busy.value = true;
    this.problem.value = '';
    try {
      this.problem.value = await work();
    } catch (e) {
      this.problem.value = wording(e);
    } finally {
      this.busy.value = false;
      if (this.left) this.conclude();
    }
  }

  private conclude(): void {
    const { id } = this;
    const step = this.step.value;
    this.id = 0;
    this.next = '';
    if (step === 'done' || step === 'waits') return this.notify(t(`recovery.${step}`));
    if (!id) return;
    this.core.call('recoveryCancel', { id }).catch(() => undefined); // a profile that was closed has erased it
    this.notify(t('recovery.unchanged'));
  }
}
