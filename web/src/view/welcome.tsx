// SPDX-License-Identifier: AGPL-3.0-or-later

import { h, type VNode } from 'preact';
import { useState } from 'preact/hooks';
import { t } from '../model/i18n';
import { Part } from './part';
import { Button, FullScreen, Icon, NewSecret, Problem, useApp, useWork } from './parts';
import { RecoveryKey } from './recovery-key';

type Step = 'hello' | 'create' | 'link' | 'recover';

/** The first screens: a new account, or the way into one that there is. */
export function Welcome(): VNode {
  const app = useApp();
  const [step, setStep] = useState<Step>('hello');
  const back = () => setStep('hello');
  if (app.session.value!.phase === 'linking') return <Later draw={(code) => <code.Resume />} />;
  if (step === 'link') return <Later draw={(code) => <code.LinkForm onBack={back} />} />;
  if (step === 'recover') return <Later draw={(code) => <code.RecoverForm onBack={back} />} />;
  return (
    <FullScreen step={step}>{step === 'hello' ? <Hello onStep={setStep} /> : <CreateForm onBack={back} />}</FullScreen>
  );
}

/** A screen whose code is loaded when it is shown. */
function Later({ draw }: { draw: (code: typeof import('./devices')) => VNode }): VNode {
  const frame = (content: VNode) => (
    <main class="screen">
      <div class="inner">{content}</div>
    </main>
  );
  return <Part of="devices" failed={t('error.offline')} draw={draw} frame={frame} />;
}

function Hello({ onStep }: { onStep: (step: Step) => void }): VNode {
  const { router, session } = useApp();
  const route = router.route.value;
  return (
    <div class="inner">
      <img class="mark" src="/icon.svg" alt="" width="64" height="64" />
      <h1>{t('welcome.title')}</h1>
      {session.value!.unlinked && <Problem text={t('error.not-linked')} />}
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
      </ul>
      <Button primary wide autofocus onClick={() => onStep('create')}>
        {t('begin')}
      </Button>
      <section class="stack">
        <h2 class="hint">{t('welcome.have')}</h2>
        <Button wide onClick={() => onStep('link')}>
          <Icon name="laptop" />
          {t('link.title')}
        </Button>
        <Button wide onClick={() => onStep('recover')}>
          <Icon name="key" />
          {t('recover.title')}
        </Button>
      </section>
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
