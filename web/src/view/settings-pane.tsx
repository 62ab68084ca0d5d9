// SPDX-License-Identifier: AGPL-3.0-or-later

import { Fragment, h, type VNode } from 'preact';
import { t, type Key } from '../model/i18n';
import { Part } from './part';
import { Avatar, Bar, Icon, Name, Skeletons, rove, useApp, type IconName } from './parts';

export const sections: [string, IconName, Key][] = [
  ['privacy', 'eye', 'settings.privacy'],
  ['security', 'lock', 'settings.security'],
  ['devices', 'laptop', 'settings.devices'],
  ['appearance', 'palette', 'settings.appearance'],
  ['notifications', 'bell', 'settings.notifications'],
  ['storage', 'disk', 'settings.storage'],
  ['server', 'globe', 'settings.server'],
];

export function SettingsMenu(): VNode {
  const app = useApp();
  const { router, session } = app;
  const route = router.route.value;
  const current = route.at === 'settings' ? route.section : '';
  const go = (section: string) => router.go({ at: 'settings', section }, current !== '');
  const me = session.value!;
  return (
    <>
      <Bar title={t('settings')} back={() => router.go({ at: 'home' })} keepBack />
      <div class="scroll" onKeyDown={(e) => rove(e, '.row')}>
        <div class="rows">
          <button
            type="button"
            class="row profile"
            aria-current={current === 'profile' ? 'page' : undefined}
            onClick={() => go('profile')}
          >
            <Avatar name={me.name} address={me.address} />
            <span class="body">
              <Name of={me.name || me.address} class="name clip" />
              <span class="preview clip">
                <span class="ltr">{me.address}</span>
              </span>
            </span>
          </button>
          {sections.map(([id, icon, title]) => (
            <button
              key={id}
              type="button"
              class="row"
              aria-current={current === id ? 'page' : undefined}
              onClick={() => go(id)}
            >
              <span class="glyph">
                <Icon name={icon} />
              </span>
              <span class="body">
                <span class="name">{t(title)}</span>
                <span class="preview clip">{t(`${title}.hint` as Key)}</span>
              </span>
            </button>
          ))}
          {me.protected && (
            <button type="button" class="row" onClick={() => void app.attempt(() => app.lock())}>
              <span class="glyph">
                <Icon name="key" />
              </span>
              <span class="name">{t('lock')}</span>
            </button>
          )}
        </div>
      </div>
    </>
  );
}

/** Shows a section of the settings. */
export function SettingsPane({ section }: { section: string }): VNode {
  const app = useApp();
  const title = sections.find(([id]) => id === section)?.[2] ?? 'settings.profile';
  const failed = t('settings.failed');
  const { loaded } = app.settings;
  return (
    <>
      <Bar title={t(title)} back={() => app.router.go({ at: 'settings', section: '' })} />
      <div class="scroll">
        <div class="column">
          {section === 'devices' ? (
            <Part of="devices" failed={failed} draw={(code) => <code.DevicesSection />} />
          ) : (
            <Part
              of="settings"
              failed={failed}
              draw={(code) => (loaded.value ? <code.Section section={section} /> : <Skeletons n={4} />)}
            />
          )}
        </div>
      </div>
    </>
  );
}
