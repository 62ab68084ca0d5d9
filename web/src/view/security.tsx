// SPDX-License-Identifier: AGPL-3.0-or-later

import { Fragment, h, type VNode } from 'preact';
import { useState } from 'preact/hooks';
import { t } from '../model/i18n';
import { confirmErase } from './actions';
import { Button, Group, Icon, NewSecret, Problem, Secret, useApp, useWork } from './parts';
import { RecoverySettings } from './recovery';
import { LookChoice } from './settings-parts';

/** Passphrases, the lock, the recovery key, and the way to leave nothing behind. */
export function Security(): VNode {
  const app = useApp();
  const shielded = app.session.value!.protected;
  return (
    <>
      <Passphrase shielded={shielded} />
      {shielded && (
        <Group title={t('security.lock')}>
          <LookChoice
            of="lockAfter"
            label={t('security.after')}
            options={[
              ['0', t('never')],
              ['1', t('minutes', { n: 1 })],
              ['5', t('minutes', { n: 5 })],
              ['15', t('minutes', { n: 15 })],
              ['60', t('minutes', { n: 60 })],
            ]}
          />
          <LookChoice
            of="lockOnBlur"
            label={t('security.blur')}
            hint={t('security.blur.hint')}
            options={[
              ['off', t('off')],
              ['on', t('on')],
            ]}
          />
        </Group>
      )}
      {shielded && <Duress />}
      <RecoverySettings />
      <Erase />
    </>
  );
}

function Passphrase({ shielded }: { shielded: boolean }): VNode {
  const app = useApp();
  const [old, setOld] = useState('');
  const [next, setNext] = useState('');
  const [again, setAgain] = useState('');
  const work = useWork();
  const change = async (to: string) => {
    if (to !== again && to) return work.fail(t('passphrase.differ'));
    const ok = await work.run(async () => {
      await app.core.call('setPassphrase', { old: old.normalize(), new: to.normalize() });
      await app.enter(await app.core.call('hello', {}));
    });
    if (!ok) return;
    setOld('');
    setNext('');
    setAgain('');
    app.toasts.add(t('saved'));
  };
  return (
    <Group
      title={t(shielded ? 'passphrase.change' : 'passphrase.set')}
      text={`${t('create.passphrase.hint')} ${shielded ? t('passphrase.second') : ''}`}
    >
      <form
        class="padded stack"
        onSubmit={(e) => {
          e.preventDefault();
          void change(next);
        }}
      >
        {shielded && <Secret label={t('passphrase.old')} value={old} onChange={setOld} current />}
        <NewSecret label={t('passphrase.new')} value={next} again={again} onChange={setNext} onAgain={setAgain} />
        <Problem text={work.problem} />
        <div class="actions">
          {shielded && (
            <Button disabled={work.busy || !old || !!next} onClick={() => void change('')}>
              {t('passphrase.remove')}
            </Button>
          )}
          <Button primary submit disabled={work.busy || !next || (shielded && !old)}>
            {t('save')}
          </Button>
        </div>
      </form>
    </Group>
  );
}

function Duress(): VNode {
  const app = useApp();
  const [passphrase, set] = useState('');
  const [again, setAgain] = useState('');
  const work = useWork();
  const there = app.session.value!.duress;
  const change = async (to: string) => {
    if (to && to !== again) return work.fail(t('passphrase.differ'));
    if (!(await work.run(() => app.core.call('setDuress', { passphrase: to.normalize() })))) return;
    set('');
    setAgain('');
    app.toasts.add(t('saved'));
  };
  return (
    <Group title={t('duress')} text={t('duress.text')}>
      <form
        class="padded stack"
        onSubmit={(e) => {
          e.preventDefault();
          void change(passphrase);
        }}
      >
        {there && (
          <p class="known">
            <Icon name="check" size="small" />
            {t('duress.there')}
          </p>
        )}
        <NewSecret label={t('duress.field')} value={passphrase} again={again} onChange={set} onAgain={setAgain} />
        <Problem text={work.problem} />
        <div class="actions">
          {there && (
            <Button disabled={work.busy || !!passphrase} onClick={() => void change('')}>
              {t('passphrase.remove')}
            </Button>
          )}
          <Button primary submit disabled={work.busy || !passphrase}>
            {t('save')}
          </Button>
        </div>
      </form>
    </Group>
  );
}

function Erase(): VNode {
  const app = useApp();
  return (
    <Group title={t('erase')} text={t('erase.hint')}>
      <div class="padded">
        <Button danger wide onClick={() => confirmErase(app)}>
          {t('erase.action')}
        </Button>
      </div>
    </Group>
  );
}
