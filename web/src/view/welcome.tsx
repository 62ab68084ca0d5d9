// SPDX-License-Identifier: AGPL-3.0-or-later

import { h, type VNode } from 'preact';
import { useState } from 'preact/hooks';
import { t } from '../model/i18n';
import { Button, FullScreen, Icon, NewSecret, Problem, useApp, useWork } from './parts';
import { RecoveryKey } from './recovery-key';

/** The first screens. Restoring and linking get their places beside Create. */
export function Welcome(): VNode {
  const [step, setStep] = useState<'hello' | 'create'>('hello');
  return (
    <FullScreen step={step}>
      {step === 'hello' ? <Hello onNext={() => setStep('create')} /> : <CreateForm onBack={() => setStep('hello')} />}
    </FullScreen>
  );
}

function Hello({ onNext }: { onNext: () => void }): VNode {
  const route = useApp().router.route.value;
  return (
    <div class="inner">
      <img class="mark" src="/icon.svg" alt="" width="64" height="64" />
      <h1>{t('welcome.title')}</h1>
      {route.at === 'new' && route.address && <p class="lead">{t('welcome.invited', { name: route.address })}</p>}
      <p class="lead">{t('welcome.text')}</p>
      <ul class="points">
        <li>
          <Icon name="user" />
          <span>{t('welcome.point1')}</span>
        </li>
        <li>
          <Icon name="key" />
          <span>{t('welcome.point2')}</span>
        </li>
        <li>
          <Icon name="shield" />
          <span>{t('welcome.point3')}</span>
        </li>
        <li>
          <Icon name="failed" />
          <span>{t('welcome.recovery')}</span>
        </li>
      </ul>
      <Button primary wide autofocus onClick={onNext}>
        {t('begin')}
      </Button>
    </div>
  );
}

function CreateForm({ onBack }: { onBack: () => void }): VNode {
  const app = useApp();
  const served = app.session.value?.host ?? '';
  const [host, setHost] = useState(served);
  const [profile, setProfile] = useState('');
  const [name, setName] = useState('');
  const [invite, setInvite] = useState('');
  const [passphrase, setPassphrase] = useState('');
  const [again, setAgain] = useState('');
  const work = useWork();
  const submit = async (e: Event) => {
    e.preventDefault();
    if (passphrase && passphrase !== again) return work.fail(t('passphrase.differ'));
    await work.run(async () => {
      await app.enter(
        await app.core.call('create', {
          host: host.trim(),
          name: name.trim().toLowerCase(),
          profile: profile.trim(),
          invite: invite.trim(),
          passphrase: passphrase.normalize(),
        }),
      );
    });
  };
  return (
    <div class="inner">
      <h1>{t('create.title')}</h1>
      <form onSubmit={(e) => void submit(e)}>
        <label class="field">
          <span>{t('create.profile')}</span>
          <input
            class="input"
            dir="auto"
            maxLength={64}
            autoFocus
            autocomplete="nickname"
            value={profile}
            onInput={(e) => setProfile(e.currentTarget.value)}
          />
          <small>{t('create.profile.hint')}</small>
        </label>
        {!served && (
          <label class="field">
            <span>{t('create.host')}</span>
            <input
              class="input ltr"
              required
              inputMode="url"
              autocapitalize="none"
              spellcheck={false}
              placeholder="chat.example.org"
              value={host}
              onInput={(e) => setHost(e.currentTarget.value)}
            />
            <small>{t('create.host.hint')}</small>
          </label>
        )}
        <NewSecret
          label={t('create.passphrase')}
          hint={t('create.passphrase.hint')}
          value={passphrase}
          again={again}
          onChange={setPassphrase}
          onAgain={setAgain}
        />
        <details>
          <summary>{t('create.more')}</summary>
          <label class="field">
            <span>{t('create.name')}</span>
            <input
              class="input ltr"
              autocapitalize="none"
              spellcheck={false}
              pattern="[a-z0-9][a-z0-9._\-]{1,31}"
              title={t('create.name.form')}
              maxLength={32}
              value={name}
              onInput={(e) => setName(e.currentTarget.value.toLowerCase())}
            />
            <small>{t('create.name.hint')}</small>
          </label>
          <label class="field">
            <span>{t('create.invite')}</span>
            <input
              class="input ltr"
              autocapitalize="none"
              spellcheck={false}
              value={invite}
              onInput={(e) => setInvite(e.currentTarget.value)}
            />
          </label>
        </details>
        <Problem text={work.problem} />
        <div class="stack">
          <Button primary wide submit disabled={work.busy}>
            {t(work.busy ? 'create.busy' : 'create')}
          </Button>
          <Button plain wide onClick={onBack}>
            {t('back')}
          </Button>
        </div>
      </form>
    </div>
  );
}

/** The recovery key, until it is noted. */
export function Recovery({ recovery }: { recovery: string }): VNode {
  const app = useApp();
  const [kept, setKept] = useState(false);
  return (
    <FullScreen>
      <div class="inner">
        <h1 tabIndex={-1}>{t('recovery.title')}</h1>
        <p class="lead">{t('recovery.text')}</p>
        <RecoveryKey of={recovery} label={t('recovery.title')} />
        <label class="check">
          <input type="checkbox" checked={kept} onChange={(e) => setKept(e.currentTarget.checked)} />
          <span>{t('recovery.kept')}</span>
        </label>
        <Button
          primary
          wide
          disabled={!kept}
          onClick={() => void app.attempt(async () => app.enter(await app.core.call('recoveryNoted', {})))}
        >
          {t('continue')}
        </Button>
      </div>
    </FullScreen>
  );
}
