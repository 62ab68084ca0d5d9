// SPDX-License-Identifier: AGPL-3.0-or-later

import { signal } from '@preact/signals';
import type { Core } from '../core/core';
import type { Key } from './i18n';
import type { Settings } from './settings';

/** A subscription to the push service of this browser. */
export interface Subscription {
  endpoint: string;
  /** What it was made with, in base64url; empty if the browser does not say. */
  key: string;
}

/** What a browser that can be woken gives. */
export interface Push {
  /** Asks for leave to show notifications; false does not disturb anybody. */
  allowed(ask: boolean): Promise<boolean>;
  current(): Promise<Subscription | null>;
  subscribe(key: string): Promise<Subscription>;
  stop(): Promise<void>;
  /** Keeps what a notification says while there is no page. */
  keep(text: string): Promise<void>;
}

/** Whether this device is woken while the page is closed. */
export class Waking {
  readonly problem = signal<Key | ''>('');
  readonly busy = signal(false);

  constructor(
    private readonly core: Core,
    private readonly settings: Settings,
    private readonly push: Push | null,
    private readonly text: () => string,
  ) {}

  get on(): boolean {
    return this.settings.stored.value.waking;
  }

  /** Switches it on or off. Rejects with what the core says; what the browser and the servers say is a problem. */
  async set(on: boolean): Promise<void> {
    this.busy.value = true;
    try {
      this.problem.value = '';
      if (on) this.problem.value = await this.begin(true);
      else await this.end();
    } finally {
      this.busy.value = false;
    }
  }

  /** Brings the browser's subscription in step with what the profile wants. */
  async check(): Promise<void> {
    if (this.on) this.problem.value = await this.begin(false);
    else await this.push?.stop();
  }

  private async begin(ask: boolean): Promise<Key | ''> {
    const { push } = this;
    if (!push) return 'wake.unsupported';
    if (!(await push.allowed(ask))) return this.fails('notify.denied');
    const { key } = await this.core.call('wakeKey', {});
    if (!key) return this.fails('wake.server');
    let now = await push.current();
    if (now?.key !== key) {
      await push.stop();
      try {
        now = await push.subscribe(key);
      } catch {
        return this.fails('wake.unreachable');
      }
    }
    if (!(await this.tell(now.endpoint))) return this.fails('wake.refused');
    await push.keep(this.text());
    return '';
  }

  private async fails(why: Key): Promise<Key> {
    if (this.on) await this.end();
    else await this.push?.stop();
    return why;
  }

  private async end(): Promise<void> {
    await this.push?.stop();
    await this.tell('');
  }

  private async tell(endpoint: string): Promise<boolean> {
    this.settings.hold(await this.core.call('setWake', { key: '', endpoint }));
    return this.on;
  }
}
