// SPDX-License-Identifier: AGPL-3.0-or-later

import { Fragment, h, type TargetedEvent, type VNode } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { t } from '../model/i18n';
import { verdict, type Verdict } from '../model/problem';
import { Replacement, type Step } from '../model/recovery';
import { Button, Dialog, Group, Icon, Problem, useApp, useWork } from './parts';
import { KeyField, RecoveryKey } from './recovery-key';

/** Checks a note of the recovery key, and replaces the key. */
export function RecoverySettings(): VNode {
  const app = useApp();
  const [key, setKey] = useState('');
  const [said, say] = useState<Verdict | null>(null);
  const [replacing, replace] = useState(false);
  const work = useWork();
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const check = async (e: Event) => {
    e.preventDefault();
    say(null);
    await work.run(async () => {
      const answer = await app.core.call('recoveryCheck', { key });
      say(verdict(answer));
      if (answer.state !== 'malformed') setKey('');
    });
    field.current?.focus();
  };
  const type = (text: string) => {
    say(null); // it was about another text
    setKey(text);
  };
  const begin = () => {
    type('');
    replace(true);
  };
  const wrong = work.problem || (said?.good === false ? said.text : '');
  return (
    <>
      <Group title={t('recovery.section')} text={t('recovery.section.text')}>
        <form class="padded stack" onSubmit={(e) => void check(e)}>
          <KeyField
            label={t('recovery.field')}
            value={key}
            onChange={type}
            field={field}
            answer={id}
            wrong={!!wrong}
            disabled={work.busy}
          />
          <div id={id} role="status">
            {said?.good && (
              <p class="known">
                <Icon name="check" size="small" />
                {said.text}
              </p>
            )}
            <Problem text={wrong} />
          </div>
          <div class="actions">
            <Button onClick={begin}>{t('recovery.replace')}</Button>
            <Button primary submit disabled={work.busy || !key.trim()}>
              {t('recovery.check')}
            </Button>
          </div>
        </form>
      </Group>
      {replacing && <ReplaceDialog onClose={() => replace(false)} />}
    </>
  );
}

/** Replaces the recovery key in steps. Whoever closes it before the last has changed nothing. */
function ReplaceDialog({ onClose }: { onClose: () => void }): VNode {
  const app = useApp();
  const [replacement] = useState(() => new Replacement(app.core, (text) => app.toasts.add(text)));
  const step = replacement.step.value;
  const ref = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const leave = () => replacement.leave();
    addEventListener('pagehide', leave);
    return () => {
      removeEventListener('pagehide', leave);
      leave();
    };
  }, []);
  // What a step begins with has the focus: a field, or else what there is to read.
  useEffect(() => ref.current!.querySelector<HTMLElement>('input, [tabindex]')?.focus(), [step]);
  return (
    <Dialog title={t('recovery.replace')} onClose={onClose} class="small">
      <div class="steps" ref={ref}>
        <ReplaceStep key={step} step={step} replacement={replacement} onClose={onClose} />
      </div>
    </Dialog>
  );
}

function ReplaceStep(p: { step: Step; replacement: Replacement; onClose: () => void }): VNode {
  const { replacement, onClose } = p;
  switch (p.step) {
    case 'now':
      return (
        <KeyForm
          label={t('recovery.now')}
          text={t('recovery.now.text')}
          action={t('continue')}
          replacement={replacement}
          onKey={(key) => replacement.begin(key)}
          second={[t('cancel'), onClose]}
        />
      );
    case 'next':
      return (
        <div class="stack">
          <h2 tabIndex={-1}>{t('recovery.next')}</h2>
          <p>{t('recovery.next.text')}</p>
          <RecoveryKey of={replacement.next} label={t('recovery.next')} />
          <div class="actions">
            <Button onClick={onClose}>{t('cancel')}</Button>
            <Button primary onClick={() => replacement.turn('again')}>
              {t('continue')}
            </Button>
          </div>
        </div>
      );
    case 'again':
      return (
        <KeyForm
          label={t('recovery.again')}
          text={t('recovery.again.text')}
          action={t('recovery.replace')}
          replacement={replacement}
          onKey={(key) => replacement.prove(key)}
          second={[t('recovery.show'), () => replacement.turn('next')]}
        />
      );
  }
  return (
    <div class={`verdict ${p.step === 'done' ? 'good' : ''}`}>
      <Icon name={p.step === 'done' ? 'check' : 'offline'} size="large" />
      <h2 tabIndex={-1}>{t(`recovery.${p.step}`)}</h2>
      <p>{t(`recovery.${p.step}.text`)}</p>
      <Button primary onClick={onClose}>
        {t('done')}
      </Button>
    </div>
  );
}

/** A step that asks for a key. */
function KeyForm(p: {
  label: string;
  text: string;
  action: string;
  replacement: Replacement;
  onKey: (key: string) => Promise<void>;
  second: [label: string, run: () => void];
}): VNode {
  const [key, setKey] = useState('');
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const problem = p.replacement.problem.value;
  const busy = p.replacement.busy.value;
  const submit = async (e: TargetedEvent<HTMLFormElement>) => {
    e.preventDefault();
    await p.onKey(key);
    field.current?.focus();
  };
  const [second, run] = p.second;
  return (
    <form class="stack" onSubmit={(e) => void submit(e)}>
      <p>{p.text}</p>
      <KeyField
        label={p.label}
        value={key}
        onChange={setKey}
        field={field}
        answer={id}
        wrong={!!problem}
        disabled={busy}
      />
      <div id={id}>
        <Problem text={problem} />
      </div>
      <div class="actions">
        <Button onClick={run} disabled={busy}>
          {second}
        </Button>
        <Button primary submit disabled={busy || !key.trim()}>
          {p.action}
        </Button>
      </div>
    </form>
  );
}
