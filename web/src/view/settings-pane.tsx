// SPDX-License-Identifier: AGPL-3.0-or-later

import { Fragment, h, type VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { t, type Key } from '../model/i18n';
import { Avatar, Bar, Button, Icon, Name, Problem, Skeletons, rove, useApp, type IconName } from './parts';

export const sections: [string, IconName, Key][] = [
  ['privacy', 'eye', 'settings.privacy'],
  ['security', 'lock', 'settings.security'],
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

type Sections = typeof import('./settings');

/** The sections' code, once it was loaded. */
let sectionCode: Sections | undefined;

/** Shows a section of the settings, and loads the code of all when the first is opened. */
export function SettingsPane({ section }: { section: string }): VNode {
  const app = useApp();
  const title = sections.find(([id]) => id === section)?.[2] ?? 'settings.profile';
  return (
    <>
      <Bar title={t(title)} back={() => app.router.go({ at: 'settings', section: '' })} />
      <div class="scroll">
        <div class="column">
          <SectionLoader section={section} />
        </div>
      </div>
    </>
  );
}

function SectionLoader({ section }: { section: string }): VNode {
  const app = useApp();
  const [code, setCode] = useState(sectionCode);
  const [failed, setFailed] = useState(false);
  const load = async () => {
    setFailed(false);
    try {
      setCode((sectionCode = await import('./settings')));
      return true;
    } catch {
      setFailed(true);
      return false;
    }
  };
  // Browsers that follow an older HTML standard remember a failed import until the page is loaded again.
  const retry = async () => (await load()) || app.cut.value || app.around.reload();
  useEffect(() => void (code || load()), []);
  if (failed)
    return (
      <>
        <Problem text={t('settings.failed')} />
        <Button onClick={() => void retry()}>{t('try-again')}</Button>
      </>
    );
  return code && app.settings.loaded.value ? <code.Section section={section} /> : <Skeletons n={4} />;
}
