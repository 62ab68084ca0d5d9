// SPDX-License-Identifier: AGPL-3.0-or-later

import { computed, signal } from '@preact/signals';
import type { Settings as Stored } from '../core/api.gen';
import type { Core } from '../core/core';
import { choose, languages, speak, type Language } from './i18n';

/** How the interface looks and behaves; 'auto' follows the system. */
export interface Look {
  theme: 'auto' | 'light' | 'dark';
  contrast: 'auto' | 'more';
  size: '90' | '100' | '115' | '130' | '150' | '200';
  motion: 'auto' | 'less';
  language: 'auto' | Language;
  notify: 'off' | 'quiet' | 'full';
  lockAfter: '0' | '1' | '5' | '15' | '60';
  lockOnBlur: 'off' | 'on';
  enterSends: 'on' | 'off';
}

export const defaults: Look = {
  theme: 'auto', contrast: 'auto', size: '100', motion: 'auto', language: 'auto', notify: 'off', lockAfter: '0', lockOnBlur: 'off', enterSends: 'on',
};

/** What the system says, as far as the look follows it. */
export interface System {
  dark: boolean;
  contrast: boolean;
  still: boolean;
  languages: readonly string[];
}

/** Keeps the look at hand for the moment before the profile is open. */
export interface Shelf {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
}

const shelfKey = 'look';

/** The profile's settings and the look of the interface. */
export class Settings {
  readonly stored = signal<Stored>({ readReports: true, deliveryReports: true, typing: true, timer: 0, interface: {}, waking: false });
  readonly look;
  readonly system;

  constructor(
    private readonly core: Core,
    private readonly shelf: Shelf,
    system: System,
  ) {
    this.system = signal(system);
    this.look = signal<Look>(read(shelf));
  }

  readonly shown = computed(() => {
    const { look, system } = { look: this.look.value, system: this.system.value };
    return {
      theme: look.theme === 'auto' ? (system.dark ? 'dark' : 'light') : look.theme,
      contrast: look.contrast === 'more' || system.contrast ? 'more' : 'normal',
      motion: look.motion === 'less' || system.still ? 'less' : 'normal',
      size: look.size,
      language: look.language === 'auto' ? choose(system.languages) : look.language,
    };
  });

  private loading: Promise<void> = Promise.resolve();

  load(): Promise<void> {
    return (this.loading = this.read());
  }

  private async read(): Promise<void> {
    this.stored.value = await this.core.call('settings', {});
    this.adopt({ ...this.look.value, ...known(this.stored.value.interface) });
  }

  async set<K extends keyof Look>(key: K, value: Look[K]): Promise<void> {
    const before = this.look.value[key];
    this.adopt({ ...this.look.value, [key]: value });
    await this.loading.catch(() => undefined); // what is on its way knows nothing of this
    this.adopt({ ...this.look.value, [key]: value });
    try {
      await this.store({ ...this.stored.value, interface: { ...this.stored.value.interface, [key]: value } });
    } catch (e) {
      if (this.look.value[key] === value) this.adopt({ ...this.look.value, [key]: before });
      throw e;
    }
  }

  /** Changes the profile's settings; what fails is taken back. */
  async store(next: Stored): Promise<void> {
    const before = this.stored.value;
    this.stored.value = next;
    try {
      await this.core.call('setSettings', next);
    } catch (e) {
      if (this.stored.value === next) this.stored.value = before;
      throw e;
    }
  }

  /** Loads the catalogue of the chosen language. */
  speak(): Promise<void> {
    return speak(this.shown.value.language);
  }

  private adopt(look: Look): void {
    this.look.value = look;
    try {
      this.shelf.setItem(shelfKey, JSON.stringify({ theme: look.theme, contrast: look.contrast, size: look.size, motion: look.motion, language: look.language }));
    } catch {
      // A browser that keeps nothing shows the default until the profile is open.
    }
  }
}

function read(shelf: Shelf): Look {
  try {
    return { ...defaults, ...known(JSON.parse(shelf.getItem(shelfKey) ?? '{}')) };
  } catch {
    return defaults;
  }
}

const choices: { [K in keyof Look]: readonly string[] } = {
  theme: ['auto', 'light', 'dark'], contrast: ['auto', 'more'], size: ['90', '100', '115', '130', '150', '200'], motion: ['auto', 'less'],
  language: ['auto', ...Object.keys(languages)], notify: ['off', 'quiet', 'full'], lockAfter: ['0', '1', '5', '15', '60'], lockOnBlur: ['off', 'on'], enterSends: ['on', 'off'],
};

/** Only values that this version knows. */
function known(from: Record<string, unknown>): Partial<Look> {
  return Object.fromEntries(Object.entries(from).filter(([k, v]) => Object.hasOwn(choices, k) && choices[k as keyof Look].includes(v as string)));
}
