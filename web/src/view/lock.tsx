// SPDX-License-Identifier: AGPL-3.0-or-later

import { h, type VNode } from 'preact';
import { useState } from 'preact/hooks';
import { t } from '../model/i18n';
import { confirmErase } from './actions';
import { Button, FullScreen, Problem, useApp, useWork } from './parts';
import { Confirm } from './sheets';

/** Nothing but a field: what is behind it is not shown, not even a name. */
export function Lock(): VNode {
  const app = useApp();
  const [passphrase, set] = useState('');
  const work = useWork();
  const submit = async (e: Event) => {
    e.preventDefault();
    if (!(await work.run(async () => app.enter(await app.core.call('unlock', { passphrase: passphrase.normalize() })))))
      set('');
  };
  return (
    <FullScreen>
      <div class="inner lock">
        <img class="mark" src="/icon.svg" alt="" width="64" height="64" />
        <h1>{t('locked')}</h1>
        <form onSubmit={(e) => void submit(e)}>
          <label class="field">
            <span>{t('passphrase')}</span>
            <input
              autoFocus
              class="input"
              type="password"
              autocomplete="current-password"
              value={passphrase}
              onInput={(e) => set(e.currentTarget.value)}
            />
          </label>
          <Problem text={work.problem} />
          <Button primary wide submit disabled={work.busy || !passphrase}>
            {t(work.busy ? 'unlocking' : 'unlock')}
          </Button>
          <Button plain wide onClick={() => confirmErase(app)}>
            {t('lock.forgot')}
          </Button>
        </form>
      </div>
      {app.sheet.value?.kind === 'confirm' && <Confirm s={app.sheet.value} />}
    </FullScreen>
  );
}
