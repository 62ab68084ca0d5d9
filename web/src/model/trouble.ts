// SPDX-License-Identifier: AGPL-3.0-or-later

import { signal } from '@preact/signals';
import type { Core } from '../core/core';
import { wording } from './problem';
import type { Toasts } from './toasts';

/** The calls that end a kind of trouble. */
const remedies = { copied: 'takeOver', gone: 'registerAgain' } as const;

/** What a person has to do something about: the account, or a clock. */
export class Troubles {
  /** The kind, empty if there is none. */
  readonly kind = signal('');
  /** When this device was removed from the account, of 'revoked'; 0 if that is not known. */
  readonly at = signal(0);
  /** Somebody goes on reading on a device that was removed. */
  readonly seen = signal(false);

  constructor(
    private readonly core: Core,
    private readonly toasts: Toasts,
  ) {
    core.on('trouble', ({ kind, at }) => {
      this.kind.value = kind;
      this.at.value = at;
    });
  }

  /** This device is no longer the account's. */
  get revoked(): boolean {
    return this.kind.value === 'revoked';
  }

  /** The remedy for a kind, undefined if the page has none. */
  remedy(kind: string): (() => Promise<void>) | undefined {
    if (kind !== 'copied' && kind !== 'gone') return undefined;
    return async () =>
      void (await this.core.call(remedies[kind], {}).catch((e: unknown) => this.toasts.add(wording(e))));
  }
}
