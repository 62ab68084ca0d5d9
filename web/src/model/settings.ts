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
  theme: 'auto',
  contrast: 'auto',
  size: '100',
  motion: 'auto',
  language: 'auto',
  notify: 'off',
  lockAfter: '0',
  lockOnBlur: 'off',
  enterSends: 'on',
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

/** What tabs tell each other; each has heard all but its own. */
export interface News {
  settings: Stored;
  /** Somebody is there. */
  alive: null;
}

export interface Tabs {
  tell<K extends keyof News>(kind: K, news: News[K]): void;
  on<K extends keyof News>(kind: K, fn: (news: News[K]) => void): void;
}

const shelfKey = 'look';

/** Some of the settings, with new values. */
type Change = Partial<Stored>;

function merged(all: Stored, change: Change): Stored {
  return { ...all, ...change, interface: { ...all.interface, ...change.interface } };
}

/** The profile's settings and the look of the interface. */
export class Settings {
  /** Until then, what is shown is not what is stored. */
  readonly loaded = signal(false);
  readonly stored = signal<Stored>({
    readReports: true,
    deliveryReports: true,
    typing: true,
    timer: 0,
    interface: {},
    waking: false,
  });
  readonly look;
  readonly system;
  /** The look until the profile says another. */
  private readonly begun: Look;
  /** What the core holds, and what is on its way to it: one change at a time, so that none undoes that of another tab. */
  private said: Stored = this.stored.value;
  private changes: Change[] = [];
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly core: Core,
    private readonly shelf: Shelf,
    system: System,
    private readonly tabs: Tabs,
  ) {
    this.system = signal(system);
    this.look = signal<Look>((this.begun = read(shelf)));
    tabs.on('settings', (said) => this.take(said));
  }

  readonly shown = computed(() => {
    const { look, system } = { look: this.look.value, system: this.system.value };
    const preferred = system.dark ? 'dark' : 'light';
    return {
      theme: look.theme === 'auto' ? preferred : look.theme,
      contrast: look.contrast === 'more' || system.contrast ? 'more' : 'normal',
      motion: look.motion === 'less' || system.still ? 'less' : 'normal',
      size: look.size,
      language: look.language === 'auto' ? choose(system.languages) : look.language,
    };
  });

  async load(): Promise<void> {
    this.take(await this.core.call('settings', {}));
  }

  set<K extends keyof Look>(key: K, value: Look[K]): Promise<void> {
    return this.store({ interface: { [key]: value } });
  }

  /** Changes some of the profile's settings; what fails is taken back. */
  store(change: Change): Promise<void> {
    this.changes.push(change);
    this.show();
    const done = this.last.then(async () => {
      try {
        const next = merged(this.said, change);
        await this.core.call('setSettings', next);
        this.hold(next);
      } finally {
        this.changes.splice(this.changes.indexOf(change), 1);
        this.show();
      }
    });
    this.last = done.catch(() => undefined);
    return done;
  }

  /** Takes what the core holds now, and tells the other tabs. */
  hold(said: Stored): void {
    this.take(said);
    this.tabs.tell('settings', said);
  }

  private take(said: Stored): void {
    this.said = said;
    this.loaded.value = true;
    this.show();
  }

  private show(): void {
    this.stored.value = this.changes.reduce(merged, this.said);
    this.adopt({ ...this.begun, ...known(this.stored.value.interface) });
  }

  /** Loads the catalogue of the chosen language. */
  speak(): Promise<void> {
    return speak(this.shown.value.language);
  }

  private adopt(look: Look): void {
    this.look.value = look;
    try {
      this.shelf.setItem(
        shelfKey,
        JSON.stringify({
          theme: look.theme,
          contrast: look.contrast,
          size: look.size,
          motion: look.motion,
          language: look.language,
        }),
      );
    } catch {
      // A browser that keeps nothing shows the default until the profile is open.
    }
  }
}

function read(shelf: Shelf): Look {
  try {
    return { ...defaults, ...known(JSON.parse(shelf.getItem(shelfKey) ?? '{}') as Record<string, unknown>) };
  } catch {
    return defaults;
  }
}

const choices: { [K in keyof Look]: readonly string[] } = {
  theme: ['auto', 'light', 'dark'],
  contrast: ['auto', 'more'],
  size: ['90', '100', '115', '130', '150', '200'],
  motion: ['auto', 'less'],
  language: ['auto', ...Object.keys(languages)],
  notify: ['off', 'quiet', 'full'],
  lockAfter: ['0', '1', '5', '15', '60'],
  lockOnBlur: ['off', 'on'],
  enterSends: ['on', 'off'],
};

/** Only values that this version knows. */
function known(from: Record<string, unknown>): Partial<Look> {
  return Object.fromEntries(
    Object.entries(from).filter(
      ([k, v]) => Object.hasOwn(choices, k) && choices[k as keyof Look].includes(v as string),
    ),
  );
}
