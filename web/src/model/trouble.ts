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

  constructor(
    private readonly core: Core,
    private readonly toasts: Toasts,
  ) {
    core.on('trouble', ({ kind }) => (this.kind.value = kind));
  }

  /** The remedy for a kind, undefined if the page has none. */
  remedy(kind: string): (() => Promise<void>) | undefined {
    if (kind !== 'copied' && kind !== 'gone') return undefined;
    return async () =>
      void (await this.core.call(remedies[kind], {}).catch((e: unknown) => this.toasts.add(wording(e))));
  }
}
