// SPDX-License-Identifier: AGPL-3.0-or-later

// What floats above everything: one sheet at a time.

import { Fragment, h, type VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Safety } from '../core/api.gen';
import { t } from '../model/i18n';
import { invitation } from '../model/route';
import type { Question } from '../model/sheet';
import { copy } from './actions';
import { PaletteSheet, PassSheet } from './palette';
import { Button, Dialog, Icon, Problem, Seal, useApp, useWork } from './parts';
import { Code } from './qr';
import { Scanner } from './scan';
import { Viewer } from './viewer';

export function Sheets(): VNode | null {
  const { sheet, passing } = useApp();
  if (passing.value) return <PassSheet passed={passing.value} />;
  const s = sheet.value;
  switch (s?.kind) {
    case 'palette':
      return <PaletteSheet />;
    case 'viewer':
      return <Viewer m={s.message} index={s.index} />;
    case 'confirm':
      return <Confirm s={s} />;
    case 'share':
      return <Share />;
    case 'verify':
      return <Verify address={s.address} />;
  }
  return null;
}

export function Confirm({ s }: { s: Question }): VNode {
  const { sheet } = useApp();
  const work = useWork();
  const [chosen, choose] = useState(s.choice?.options[0]![0] ?? '');
  const close = () => (sheet.value = null);
  const act = async () => {
    if (await work.run(async () => s.run(chosen))) close();
  };
  return (
    <Dialog title={s.title} onClose={close} class="small" bare>
      <div class="confirm">
        <h1 class="title">{s.title}</h1>
        <p>{s.text}</p>
        {s.choice && (
          <label class="field">
            <span>{s.choice.label}</span>
            <select class="input" value={chosen} onChange={(e) => choose(e.currentTarget.value)}>
              {s.choice.options.map(([value, name]) => (
                <option key={value} value={value}>
                  {name}
                </option>
              ))}
            </select>
          </label>
        )}
        <Problem text={work.problem} />
        <div class="actions">
          <Button autofocus onClick={close}>
            {t('cancel')}
          </Button>
          <Button
            danger={s.danger}
            filled={s.danger}
            primary={!s.danger}
            disabled={work.busy}
            onClick={() => void act()}
          >
            {s.action}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}

/** The own address, to be scanned, copied or passed on. */
function Share(): VNode {
  const app = useApp();
  const address = app.session.value?.address ?? '';
  const link = invitation(address);
  const shares = typeof navigator.share === 'function';
  const pass = () => void navigator.share({ url: link }).catch(() => undefined);
  return (
    <Dialog title={t('share.yours')} onClose={() => (app.sheet.value = null)} class="small">
      <div class="verify">
        <Code text={link} label={t('share.code')} />
        <p class="code-line ltr">{address}</p>
        <p class="hint">{t('share.text')}</p>
        <div class="actions">
          <Button onClick={() => void copy(app, address)}>{t('copy.address')}</Button>
          <Button primary={!shares} onClick={() => void copy(app, link)}>
            <Icon name="copy" />
            {t('copy.link')}
          </Button>
          {shares && (
            <Button primary onClick={pass}>
              <Icon name="share" />
              {t('share')}
            </Button>
          )}
        </div>
      </div>
    </Dialog>
  );
}

/** Two codes, scanned or compared. Nobody is asked to understand keys. */
function Verify({ address }: { address: string }): VNode {
  const app = useApp();
  const [safety, setSafety] = useState<Safety | null>(null);
  const [scanning, setScanning] = useState(false);
  const [result, setResult] = useState<'match' | 'differ' | ''>('');
  const work = useWork();
  const name = app.list.withPeer(address)?.name ?? address;
  useEffect(() => void work.run(async () => setSafety(await app.core.call('safety', { address }))), [address]);
  const compare = async (code: string) => {
    setScanning(false);
    await work.run(async () =>
      setResult((await app.core.call('compare', { address, code })).match ? 'match' : 'differ'),
    );
  };
  const close = () => (app.sheet.value = null);
  return (
    <Dialog title={t('verify.title', { name })} onClose={close}>
      <div class="verify" aria-live="polite">
        {result === 'match' && <Verdict good text={t('verify.match', { name })} onDone={close} />}
        {result === 'differ' && (
          <Verdict good={false} text={t('verify.differ', { name })} onDone={() => setResult('')} />
        )}
        {!result && scanning && (
          <>
            <Scanner onFound={(code) => void compare(code)} />
            <p class="hint">{t('verify.aim', { name })}</p>
            <Button wide onClick={() => setScanning(false)}>
              {t('verify.show')}
            </Button>
          </>
        )}
        {!result && !scanning && safety && (
          <>
            {safety.verified && (
              <p class="known">
                <Seal />
                {t('verify.already', { name })}
              </p>
            )}
            <p>{t('verify.how', { name })}</p>
            <Code text={safety.code} label={t('verify.code')} />
            <div class="numbers ltr" role="group" aria-label={t('verify.number')}>
              {safety.number.map((n, i) => (
                <span key={i}>{n}</span>
              ))}
            </div>
            <div class="actions">
              <Button onClick={() => void compare(safety.code)}>{t('verify.same')}</Button>
              <Button primary onClick={() => setScanning(true)}>
                <Icon name="scan" />
                {t('verify.scan')}
              </Button>
            </div>
          </>
        )}
        <Problem text={work.problem} />
      </div>
    </Dialog>
  );
}

function Verdict({ good, text, onDone }: { good: boolean; text: string; onDone: () => void }): VNode {
  return (
    <div class={`verdict ${good ? 'good' : 'bad'}`}>
      <Icon name={good ? 'seal' : 'shieldOff'} size="large" />
      <p>{text}</p>
      <Button primary={good} onClick={onDone} autofocus>
        {t(good ? 'done' : 'back')}
      </Button>
    </div>
  );
}
