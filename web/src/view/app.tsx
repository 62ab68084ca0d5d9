// SPDX-License-Identifier: AGPL-3.0-or-later

import { h, type VNode } from 'preact';
import { useEffect } from 'preact/hooks';
import type { Failure } from '../core/core';
import { reacquire } from '../core/tab-lock';
import type { App } from '../model/app';
import { date, direction, language, t, type Key } from '../model/i18n';
import { level } from '../model/route';
import { confirmErase } from './actions';
import { ConversationPane } from './conversation';
import { Details, PersonPane } from './details';
import { useFocus } from './focus';
import { useKeys } from './keys';
import { MenuLayer } from './menu';
import { AppProvider, Button, Icon, Skeletons, Toasts, useApp } from './parts';
import { SettingsPane } from './settings-pane';
import { Confirm, Sheets } from './sheets';
import { Side } from './side';
import { Lock } from './lock';
import { Recovery, Welcome } from './welcome';

export function Root({ app }: { app: App }): VNode {
  return (
    <AppProvider value={app}>
      <Look />
      <Screen />
      <Toasts />
    </AppProvider>
  );
}

/** Writes the look to the document's element, where the tokens read it. */
function Look(): null {
  const { settings } = useApp();
  const look = settings.shown.value;
  useEffect(() => {
    const root = document.documentElement;
    root.dataset.theme = look.theme;
    root.dataset.contrast = look.contrast;
    root.dataset.motion = look.motion;
    root.style.setProperty('--root-size', `${look.size}%`);
  }, [look.theme, look.contrast, look.motion, look.size]);
  useEffect(() => void settings.speak().catch(() => undefined), [look.language]);
  useEffect(() => {
    document.documentElement.lang = language.value;
    document.documentElement.dir = direction.value;
  }, [language.value, direction.value]);
  return null;
}

function Screen(): VNode {
  const app = useApp();
  if (app.ended.value) return <Shell />;
  if (app.elsewhere.value) return <Away />;
  if (app.broken.value) return <Broken {...app.broken.value} />;
  const session = app.session.value;
  if (!session) return <Shell />;
  if (session.phase === 'locked') return <Lock />;
  if (session.phase === 'none' || session.phase === 'linking') return <Welcome />;
  if (session.recovery) return <Recovery recovery={session.recovery} />;
  return <Frame />;
}

function Shell(): VNode {
  return (
    <div class="frame">
      <main class="app shell">
        <h1 class="visually-hidden">{t('loading')}</h1>
        <div class="side">
          <div class="side-head" />
          <Skeletons />
        </div>
        <div class="main" />
      </main>
    </div>
  );
}

/** What a tab shows while another one works. */
function Away(): VNode {
  return (
    <main class="screen">
      <div class="inner">
        <img class="mark" src="/icon.svg" alt="" width="64" height="64" />
        <h1>{t('elsewhere.title')}</h1>
        <p class="lead">{t('elsewhere.text')}</p>
        <Button primary wide autofocus onClick={reacquire}>
          {t('elsewhere.here')}
        </Button>
      </div>
    </main>
  );
}

function Broken({ code, text }: Failure): VNode {
  const app = useApp();
  return (
    <main class="screen">
      <div class="inner">
        <h1>{t('broken.title')}</h1>
        {code !== 'lost' && code !== 'in-use' && <p class="lead">{t('broken.text')}</p>}
        <p class="error">
          <Icon name="failed" size="small" />
          {text}
        </p>
        <Button primary onClick={() => location.reload()}>
          {t('try-again')}
        </Button>
        {app.erasable.value && (
          <Button plain onClick={() => confirmErase(app)}>
            {t('erase.action')}
          </Button>
        )}
      </div>
      {app.sheet.value?.kind === 'confirm' && <Confirm s={app.sheet.value} />}
    </main>
  );
}

/** Says what is wrong with the account, and offers what can be done about it. */
function Troubled({ kind }: { kind: string }): VNode {
  const app = useApp();
  const { at, seen } = app.trouble;
  if (kind === 'revoked')
    return (
      <div class="strip caution" role="status">
        <span>{t('trouble.revoked', { date: date(at.value || app.around.now()) })}</span>
        <button type="button" onClick={() => confirmErase(app)}>
          {t('trouble.revoked.do')}
        </button>
        <button type="button" onClick={() => (seen.value = true)}>
          {t('trouble.revoked.keep')}
        </button>
      </div>
    );
  const remedy = app.trouble.remedy(kind);
  return (
    <div class="strip caution" role="status">
      <span>{t(`trouble.${kind}` as Key)}</span>
      {remedy && (
        <button type="button" onClick={() => void remedy()}>
          {t(`trouble.${kind}.do` as Key)}
        </button>
      )}
    </div>
  );
}

function Frame(): VNode {
  const app = useApp();
  const route = app.router.route.value;
  useKeys();
  useFocus(route);
  return (
    <div class="frame">
      <a
        class="button skip"
        href="#main"
        onClick={(e) => {
          e.preventDefault();
          document.querySelector<HTMLElement>('#main h1, #main textarea')?.focus();
        }}
      >
        {t('skip')}
      </a>
      {app.trouble.kind.value && !(app.trouble.revoked && app.trouble.seen.value) && (
        <Troubled kind={app.trouble.kind.value} />
      )}
      {app.cut.value && !app.trouble.kind.value && (
        <div class="strip" role="status">
          <Icon name="offline" size="small" />
          <span>{t('offline')}</span>
        </div>
      )}
      {app.update.value && (
        <div class="strip" role="status">
          <span>{t('update')}</span>
          <button type="button" onClick={app.update.value}>
            {t('update.now')}
          </button>
        </div>
      )}
      <main class="app" data-level={level(route)}>
        <Side />
        <div class="main" id="main">
          <Main />
        </div>
        {route.at === 'conversation' && route.panel && <Details key={route.id} id={route.id} />}
        <MenuLayer />
      </main>
      <Sheets />
      <Announcer />
    </div>
  );
}

/** Speaks to screen readers. By itself, as what it says changes with every message. */
function Announcer(): VNode {
  return (
    <div class="visually-hidden" aria-live="polite">
      {useApp().announcement.value}
    </div>
  );
}

function Main(): VNode {
  const { router, list } = useApp();
  const route = router.route.value;
  switch (route.at) {
    case 'conversation':
      return <ConversationPane key={route.id} id={route.id} />;
    case 'person':
      return <PersonPane key={route.address} address={route.address} />;
    case 'settings':
      return <SettingsPane key={route.section} section={route.section || 'profile'} />;
  }
  const mac = /Mac|iPhone|iPad/.test(navigator.platform);
  return (
    <div class="empty">
      <Icon name="lock" size="large" />
      <h2>{t(list.state.value === 'ready' && !list.sorted.value.length ? 'main.first' : 'main.choose')}</h2>
      <p>{t('main.promise')}</p>
      <dl class="keys">
        <dt>
          <kbd>{mac ? '⌘' : 'Ctrl'} K</kbd>
        </dt>
        <dd>{t('keys.palette')}</dd>
        <dt>
          <kbd>{mac ? '⌥' : 'Alt'} ↑ ↓</kbd>
        </dt>
        <dd>{t('keys.neighbours')}</dd>
      </dl>
    </div>
  );
}
