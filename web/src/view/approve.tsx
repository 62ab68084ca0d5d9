// SPDX-License-Identifier: AGPL-3.0-or-later

import { Fragment, h, type VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { t } from '../model/i18n';
import { digitCount, grouped, Linking } from '../model/linking';
import { copy } from './actions';
import { Button, Dialog, Icon, Problem, useApp } from './parts';
import { Code } from './qr';
import { Scanner } from './scan';

/** A linking that ends with what shows it, or with the page. */
export function useLinking(): Linking {
  const app = useApp();
  const [linking] = useState(() => new Linking(app.core));
  useEffect(() => {
    const leave = () => linking.cancel();
    addEventListener('pagehide', leave);
    return () => {
      removeEventListener('pagehide', leave);
      linking.leave();
    };
  }, []);
  return linking;
}

/** Lets another device into the account. Whoever closes it before the end has linked nothing. */
export function ApproveDialog({ onClose }: { onClose: () => void }): VNode {
  const app = useApp();
  const linking = useLinking();
  const [typing, type] = useState(false);
  const ref = useRef<HTMLDivElement>(null);
  const now = linking.now.value;
  const step = linking.failure.value ? 'failed' : (now?.state ?? (typing ? 'typing' : 'waits'));
  const begin = (code: string) => void linking.begin((id) => app.core.call('approve', { id, code }));
  const show = () => {
    type(false);
    begin('');
  };
  useEffect(show, []);
  useEffect(() => ref.current!.querySelector<HTMLElement>('input, [tabindex]')?.focus(), [step]);
  return (
    <Dialog title={t('devices.link')} onClose={onClose} class="small">
      <div class="steps stack" ref={ref}>
        {step === 'waits' && <p role="status">{t('link.waits')}</p>}
        {step === 'code' && (
          <>
            <p tabIndex={-1}>{t('link.show')}</p>
            <ShownCode text={now!.code} uri={now!.uri} />
            <Button
              plain
              wide
              onClick={() => {
                linking.cancel();
                type(true);
              }}
            >
              {t('link.have')}
            </Button>
          </>
        )}
        {step === 'typing' && <CodeForm onCode={begin} busy={linking.busy.value} second={[t('link.instead'), show]} />}
        {step === 'asks' && <DigitsForm linking={linking} onCancel={onClose} />}
        {step === 'linked' && (
          <div class="verdict good">
            <Icon name="check" size="large" />
            <h2 tabIndex={-1}>{t('link.done')}</h2>
            <p>{t(now!.complete ? 'link.done.text' : 'link.partly')}</p>
            <Button primary onClick={onClose}>
              {t('done')}
            </Button>
          </div>
        )}
        {step === 'failed' && (
          <>
            <Problem text={linking.problem.value} />
            <div class="actions">
              <Button onClick={onClose}>{t('close')}</Button>
              <Button primary onClick={show}>
                {t('link.again')}
              </Button>
            </div>
          </>
        )}
      </div>
    </Dialog>
  );
}

/** A code to be scanned, or typed in, on the other device. */
export function ShownCode({ text, uri }: { text: string; uri: string }): VNode {
  const app = useApp();
  return (
    <div class="verify">
      <Code text={uri} label={t('link.code')} />
      <p class="code-line ltr">{text}</p>
      <Button onClick={() => void copy(app, text, true)}>
        <Icon name="copy" />
        {t('copy')}
      </Button>
      <p class="hint">{t('link.life')}</p>
    </div>
  );
}

/** Takes the code that the other device shows, typed or scanned. */
export function CodeForm(p: {
  onCode: (code: string) => void;
  busy: boolean;
  second: [label: string, run: () => void];
}): VNode {
  const [code, setCode] = useState('');
  const [scanning, scan] = useState(false);
  const [second, run] = p.second;
  return (
    <form
      class="stack"
      onSubmit={(e) => {
        e.preventDefault();
        p.onCode(code);
      }}
    >
      <CodeField code={code} onChange={setCode} disabled={p.busy} />
      {scanning && <Scanner onFound={p.onCode} />}
      <Button wide onClick={() => scan(!scanning)}>
        <Icon name="scan" />
        {t('scan')}
      </Button>
      <div class="actions">
        <Button onClick={run} disabled={p.busy}>
          {second}
        </Button>
        <Button primary submit disabled={p.busy || !code.trim()}>
          {t('continue')}
        </Button>
      </div>
    </form>
  );
}

export function CodeField(p: { code: string; onChange: (code: string) => void; disabled: boolean }): VNode {
  return (
    <label class="field">
      <span>{t('link.field')}</span>
      <input
        class="input ltr"
        autoFocus
        autocomplete="off"
        autocapitalize="none"
        autocorrect="off"
        spellcheck={false}
        maxLength={512}
        readOnly={p.disabled}
        value={p.code}
        onInput={(e) => p.onChange(e.currentTarget.value)}
      />
    </label>
  );
}

/** Asks for the digits that the new device shows. */
function DigitsForm({ linking, onCancel }: { linking: Linking; onCancel: () => void }): VNode {
  const [digits, set] = useState('');
  const field = useRef<HTMLInputElement>(null);
  const busy = linking.busy.value;
  const left = linking.now.value?.left;
  useEffect(() => {
    set('');
    field.current?.focus();
  }, [left]);
  return (
    <form
      class="stack"
      onSubmit={(e) => {
        e.preventDefault();
        void linking.confirm(digits);
      }}
    >
      <p>{t('link.ask')}</p>
      <label class="field">
        <span>{t('link.digits')}</span>
        <input
          ref={field}
          class="input ltr digits"
          inputMode="numeric"
          autocomplete="off"
          placeholder="000 000"
          readOnly={busy}
          value={digits}
          onInput={(e) => set((e.currentTarget.value = grouped(e.currentTarget.value)))}
        />
      </label>
      <Problem text={linking.problem.value} />
      <div class="actions">
        <Button onClick={onCancel}>{t('cancel')}</Button>
        <Button primary submit disabled={busy || digits.length <= digitCount}>
          {t(busy ? 'link.adding' : 'link.confirm')}
        </Button>
      </div>
    </form>
  );
}
