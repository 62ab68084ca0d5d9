// SPDX-License-Identifier: AGPL-3.0-or-later

// The ways in which a device without a profile becomes one of an account that there is.

import { Fragment, h, type TargetedEvent, type VNode } from 'preact';
import { useEffect, useId, useState } from 'preact/hooks';
import { t } from '../model/i18n';
import { verdict } from '../model/problem';
import { confirmErase } from './actions';
import { CodeField, ShownCode, useLinking } from './approve';
import { Button, FullScreen, Icon, NewSecret, Problem, useApp, useWork } from './parts';
import { KeyField } from './recovery-key';
import { Scanner } from './scan';
import { Confirm } from './sheets';

/** A new passphrase for this device, typed twice. */
function usePassphrase(): { field: VNode; value: string; differs: boolean } {
  const [passphrase, set] = useState('');
  const [again, setAgain] = useState('');
  const field = (
    <NewSecret
      label={t('create.passphrase')}
      hint={t('create.passphrase.hint')}
      value={passphrase}
      again={again}
      onChange={set}
      onAgain={setAgain}
    />
  );
  return { field, value: passphrase.normalize(), differs: !!passphrase && passphrase !== again };
}

/** Links this device with the help of one that the account has. */
export function LinkForm({ onBack }: { onBack: () => void }): VNode {
  const app = useApp();
  const linking = useLinking();
  const passphrase = usePassphrase();
  const served = app.session.value?.host ?? '';
  const [host, setHost] = useState(served);
  const [code, setCode] = useState('');
  const [scanning, scan] = useState(false);
  const [problem, fail] = useState('');
  const now = linking.now.value;
  const state = now?.state ?? '';
  const failure = linking.failure.value;
  useEffect(() => {
    if (state === 'linked' && !now!.complete) app.toasts.add(t('link.partly'));
  }, [state]);
  const begin = (code: string) => {
    scan(false);
    fail(passphrase.differs ? t('passphrase.differ') : '');
    if (passphrase.differs) return;
    const params = { code, host: host.trim(), passphrase: passphrase.value };
    void linking.begin((id) => app.core.call('link', { id, ...params }));
  };
  const cancel = <Button onClick={() => linking.cancel()}>{t('cancel')}</Button>;
  if (failure === 'link-open')
    return (
      <FullScreen step={failure}>
        <div class="inner">
          <h1 tabIndex={-1}>{t('link.title')}</h1>
          <Problem text={linking.problem.value} />
          <Button primary wide onClick={() => app.around.reload()}>
            {t('try-again')}
          </Button>
        </div>
      </FullScreen>
    );
  if (!failure && (state === 'code' || state === 'digits' || state === 'linked'))
    return (
      <FullScreen step={state}>
        <div class="inner">
          <h1 tabIndex={-1}>{t('link.title')}</h1>
          {state === 'code' && (
            <>
              <p class="lead">{t('link.show.new')}</p>
              <ShownCode text={now!.code} uri={now!.uri} />
              {cancel}
            </>
          )}
          {state === 'digits' && (
            <div class="stack" role="status">
              <p>{t('link.becomes')}</p>
              <p class="code-line ltr">{now!.address}</p>
              <p class="hint">{t('link.becomes.not')}</p>
              <p>{t('link.type')}</p>
              <p class="big-digits ltr">{now!.digits}</p>
              {cancel}
            </div>
          )}
          {state === 'linked' && <p role="status">{t('loading')}</p>}
        </div>
      </FullScreen>
    );
  const busy = linking.busy.value;
  return (
    <FullScreen step="form">
      <div class="inner">
        <h1>{t('link.title')}</h1>
        <p class="lead">{t('link.lead')}</p>
        <form
          onSubmit={(e) => {
            e.preventDefault();
            begin(code);
          }}
        >
          <CodeField code={code} onChange={setCode} disabled={busy} />
          {scanning && <Scanner onFound={begin} />}
          <Button wide onClick={() => scan(!scanning)}>
            <Icon name="scan" />
            {t('scan')}
          </Button>
          {!served && (
            <label class="field">
              <span>{t('create.host')}</span>
              <input
                class="input ltr"
                inputMode="url"
                autocapitalize="none"
                spellcheck={false}
                placeholder="chat.example.org"
                value={host}
                onInput={(e) => setHost(e.currentTarget.value)}
              />
              <small>{t('link.host')}</small>
            </label>
          )}
          {passphrase.field}
          <Problem text={problem || linking.problem.value} />
          <div class="stack">
            <Button primary wide submit disabled={busy || !code.trim()}>
              {t(busy ? 'link.waits' : 'continue')}
            </Button>
            <Button wide disabled={busy || !host.trim()} onClick={() => begin('')}>
              <Icon name="qr" />
              {t('link.instead')}
            </Button>
            <Button
              plain
              wide
              onClick={() => {
                linking.cancel();
                onBack();
              }}
            >
              {t('back')}
            </Button>
          </div>
        </form>
      </div>
    </FullScreen>
  );
}

/** Comes back to an account by the recovery key alone. */
export function RecoverForm({ onBack }: { onBack: () => void }): VNode {
  const app = useApp();
  const passphrase = usePassphrase();
  const [address, setAddress] = useState('');
  const [key, setKey] = useState('');
  const work = useWork();
  const [wrong, say] = useState('');
  const [open, setOpen] = useState(false);
  const id = useId();
  const submit = async (e: TargetedEvent<HTMLFormElement>) => {
    e.preventDefault();
    say('');
    if (passphrase.differs) return work.fail(t('passphrase.differ'));
    await work.run(async () => {
      try {
        const params = { address: address.trim(), key, passphrase: passphrase.value };
        const { check, session } = await app.core.call('recover', params);
        if (session.phase === 'open') await app.enter(session);
        else say(verdict(check).text);
      } catch (e) {
        setOpen((e as { code?: string }).code === 'link-open');
        throw e;
      }
    });
  };
  return (
    <FullScreen>
      <div class="inner">
        <h1>{t('recover.title')}</h1>
        <p class="lead">{t('recover.lead')}</p>
        <form onSubmit={(e) => void submit(e)}>
          <label class="field">
            <span>{t('recover.address')}</span>
            <input
              class="input ltr"
              autoFocus
              required
              inputMode="email"
              autocomplete="off"
              autocapitalize="none"
              spellcheck={false}
              placeholder="name@chat.example.org"
              value={address}
              onInput={(e) => setAddress(e.currentTarget.value)}
            />
          </label>
          <KeyField
            label={t('recovery.field')}
            value={key}
            onChange={setKey}
            field={null}
            answer={id}
            wrong={!!wrong}
            disabled={work.busy}
          />
          {passphrase.field}
          <p class="hint">{t('recover.after')}</p>
          <div id={id}>
            <Problem text={work.problem || wrong} />
          </div>
          <div class="stack">
            {open ? (
              <Button primary wide onClick={() => app.around.reload()}>
                {t('try-again')}
              </Button>
            ) : (
              <Button primary wide submit disabled={work.busy || !address.trim() || !key.trim()}>
                {t(work.busy ? 'recover.busy' : 'recover')}
              </Button>
            )}
            <Button plain wide onClick={onBack} disabled={work.busy}>
              {t('back')}
            </Button>
          </div>
        </form>
      </div>
    </FullScreen>
  );
}

/** Finds out what became of a linking that was interrupted. */
export function Resume(): VNode {
  const app = useApp();
  const work = useWork();
  const ask = () => void work.run(async () => app.enter(await app.core.call('linkResume', {})));
  useEffect(ask, []);
  return (
    <FullScreen>
      <div class="inner">
        <h1 tabIndex={-1}>{t('resume.title')}</h1>
        {work.problem ? <Problem text={work.problem} /> : <p role="status">{t('resume.text')}</p>}
        <div class="stack">
          <Button primary wide disabled={work.busy} onClick={ask}>
            {t('try-again')}
          </Button>
          <Button plain wide disabled={work.busy} onClick={() => confirmErase(app)}>
            {t('erase.action')}
          </Button>
        </div>
      </div>
      {app.sheet.value?.kind === 'confirm' && <Confirm s={app.sheet.value} />}
    </FullScreen>
  );
}
