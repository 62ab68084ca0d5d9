// SPDX-License-Identifier: AGPL-3.0-or-later

// The sections of the settings: a part of the page that is loaded when somebody opens them.

import { Fragment, h, type VNode } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Disclosure } from '../core/api.gen';
import { knowledge } from '../model/disclosure';
import { language, languages, size, t } from '../model/i18n';
import type { Look } from '../model/settings';
import { copy } from './actions';
import { timerOptions } from './details';
import { Avatar, Button, Choice, Group, Icon, Name, Problem, Skeletons, Toggle, useApp, useWork } from './parts';
import { Security } from './security';
import { LookChoice } from './settings-parts';
// The page has run it before. Named here, it stays in one file with all that both need, which compresses better than two.
import '../main';

/** The sections' contents. What no section is called shows the profile. */
const bodies: Record<string, () => VNode> = {
  privacy: Privacy,
  security: Security,
  appearance: Appearance,
  notifications: Notifications,
  storage: Storage,
  server: Server,
};

export function Section({ section }: { section: string }): VNode {
  const Body = (Object.hasOwn(bodies, section) && bodies[section]) || Profile;
  return <Body />;
}

function Profile(): VNode {
  const app = useApp();
  const me = app.session.value!;
  const [name, setName] = useState(me.name);
  const work = useWork();
  const submit = (e: Event) => {
    e.preventDefault();
    void work.run(() => app.core.call('setName', { name: name.trim() })).then((ok) => ok && app.toasts.add(t('saved')));
  };
  return (
    <>
      <div class="portrait">
        <Avatar name={me.name} address={me.address} size="s96" />
        <h2>
          <Name of={me.name || me.address} />
        </h2>
      </div>
      <Group title={t('profile.name')} text={t('profile.name.hint')}>
        <form class="padded with-button" onSubmit={submit}>
          <input
            class="input"
            dir="auto"
            maxLength={64}
            aria-label={t('profile.name')}
            value={name}
            onInput={(e) => setName(e.currentTarget.value)}
          />
          <Button submit primary disabled={work.busy || name.trim() === me.name}>
            {t('save')}
          </Button>
        </form>
        <Problem text={work.problem} />
      </Group>
      <Group title={t('profile.address')} text={t('profile.address.hint')}>
        <button type="button" class="action" onClick={() => void copy(app, me.address)}>
          <Icon name="copy" />
          <span class="ltr wrap">{me.address}</span>
        </button>
        <button type="button" class="action" onClick={() => (app.sheet.value = { kind: 'share' })}>
          <Icon name="qr" />
          <span>{t('share.yours')}</span>
        </button>
      </Group>
    </>
  );
}

function Privacy(): VNode {
  const app = useApp();
  const { settings } = app;
  const s = settings.stored.value;
  const set = (part: Partial<typeof s>) => void app.attempt(() => settings.store(part));
  return (
    <>
      <Group>
        <Toggle
          label={t('privacy.read')}
          hint={t('privacy.read.hint')}
          on={s.readReports}
          onChange={(readReports) => set({ readReports })}
        />
        <Toggle
          label={t('privacy.delivery')}
          hint={t('privacy.delivery.hint')}
          on={s.deliveryReports}
          onChange={(deliveryReports) => set({ deliveryReports })}
        />
        <Toggle
          label={t('privacy.typing')}
          hint={t('privacy.typing.hint')}
          on={s.typing}
          onChange={(typing) => set({ typing })}
        />
      </Group>
      <Group text={t('privacy.timer.hint')}>
        <Choice
          label={t('privacy.timer')}
          value={String(s.timer)}
          options={timerOptions(s.timer)}
          onChange={(v) => set({ timer: Number(v) })}
        />
      </Group>
    </>
  );
}

function Appearance(): VNode {
  const names = Object.entries(languages) as [keyof typeof languages, string][];
  return (
    <>
      <Group>
        <LookChoice
          of="theme"
          label={t('look.theme')}
          options={[
            ['auto', t('auto')],
            ['light', t('look.light')],
            ['dark', t('look.dark')],
          ]}
        />
        <LookChoice
          of="contrast"
          label={t('look.contrast')}
          options={[
            ['auto', t('auto')],
            ['more', t('look.contrast.more')],
          ]}
        />
        <LookChoice
          of="size"
          label={t('look.size')}
          options={(['90', '100', '115', '130', '150', '200'] as const).map((s) => [s, `${s} %`])}
        />
        <LookChoice
          of="motion"
          label={t('look.motion')}
          options={[
            ['auto', t('auto')],
            ['less', t('look.motion.less')],
          ]}
        />
      </Group>
      <Group>
        <LookChoice of="language" label={t('look.language')} options={[['auto', t('auto')], ...names]} />
        <LookChoice
          of="enterSends"
          label={t('look.enter')}
          options={[
            ['on', t('look.enter.send')],
            ['off', t('look.enter.line')],
          ]}
        />
      </Group>
    </>
  );
}

function Notifications(): VNode {
  const app = useApp();
  const { settings } = app;
  const mode = settings.look.value.notify;
  const supported = 'Notification' in globalThis;
  const [denied, setDenied] = useState(supported && Notification.permission === 'denied' ? 1 : 0); // how often: each time the choice falls back
  const choose = async (wanted: Look['notify']) => {
    if (wanted !== 'off' && (await Notification.requestPermission()) !== 'granted') return setDenied(denied + 1);
    setDenied(0);
    await app.attempt(() => settings.set('notify', wanted));
  };
  const { waking } = app;
  const work = useWork();
  if (!supported) return <p class="hint">{t('notify.unsupported')}</p>;
  return (
    <>
      <Group text={t('notify.hint')}>
        <Choice
          label={t('notify')}
          value={mode}
          options={[
            ['off', t('off')],
            ['quiet', t('notify.quiet')],
            ['full', t('notify.full')],
          ]}
          onChange={(v) => void choose(v)}
        />
      </Group>
      {denied > 0 && <Problem text={t('notify.denied')} />}
      <Group text={t('wake.hint')}>
        <Toggle
          label={t('wake')}
          on={waking.on}
          disabled={waking.busy.value}
          onChange={(on) => void work.run(() => waking.set(on))}
        />
      </Group>
      <Problem text={work.problem || (waking.problem.value && t(waking.problem.value))} />
    </>
  );
}

function Storage(): VNode {
  const app = useApp();
  const [used, setUsed] = useState<StorageEstimate | null>(null);
  const [kept, setKept] = useState<boolean | null>(null);
  useEffect(() => {
    const unknown = () => undefined; // then nothing is said about it
    navigator.storage?.estimate?.().then(setUsed, unknown);
    navigator.storage?.persisted().then(setKept, unknown);
  }, []);
  const { usage = 0, quota = 0 } = used ?? {};
  return (
    <>
      <Group text={t('storage.text')}>
        <div class="padded">
          {quota > 0 && (
            <>
              <p class="spread">
                <span>{t('storage.used')}</span>
                <span class="figures">{t('storage.of', { used: size(usage), all: size(quota) })}</span>
              </p>
              <progress class="meter" aria-label={t('storage.used')} max={quota} value={usage} />
            </>
          )}
          {kept && (
            <p class="known">
              <Icon name="check" size="small" />
              {t('storage.kept')}
            </p>
          )}
        </div>
      </Group>
      {kept === false && (
        <Group text={t('storage.keep.hint')}>
          <button
            type="button"
            class="action"
            onClick={() =>
              void navigator.storage.persist().then((ok) => {
                setKept(ok);
                if (!ok) app.toasts.add(t('storage.keep.no'));
              })
            }
          >
            <Icon name="disk" />
            <span>{t('storage.keep')}</span>
          </button>
        </Group>
      )}
    </>
  );
}

/** What the server knows: its own answer, now. */
function Server(): VNode {
  const app = useApp();
  const [disclosure, set] = useState<Disclosure | null>(null);
  const work = useWork();
  const ask = () => void work.run(async () => set(await app.core.call('disclosure', {})));
  useEffect(ask, []);
  return (
    <>
      <p class="intro">{t('server.text')}</p>
      {work.problem && (
        <>
          <Problem text={work.problem} />
          <Button onClick={ask}>{t('try-again')}</Button>
        </>
      )}
      {!disclosure &&
        !work.problem &&
        (Object.values(app.offline.value).some(Boolean) ? <Problem text={t('error.offline')} /> : <Skeletons n={4} />)}
      {disclosure && (
        <>
          <Known disclosure={disclosure} />
          <Group title={t('server.not')}>
            <ul class="nots">
              {(['server.not1', 'server.not2', 'server.not3', 'server.not4'] as const).map((k) => (
                <li key={k}>
                  <Icon name="close" size="small" />
                  {t(k)}
                </li>
              ))}
            </ul>
          </Group>
          <details class="raw">
            <summary>{t('server.raw')}</summary>
            <Button onClick={() => void copy(app, disclosure.json)}>
              <Icon name="copy" />
              {t('copy')}
            </Button>
            <pre tabIndex={0}>{disclosure.json}</pre>
          </details>
        </>
      )}
    </>
  );
}

/** The answer as a table, and what of it there are no words for. */
function Known({ disclosure }: { disclosure: Disclosure }): VNode {
  const { facts, odd } = useMemo(() => knowledge(disclosure), [disclosure, language.value]);
  const heads = ['server.what', 'server.many', 'server.since', 'server.kept'] as const;
  return (
    <>
      <Group title={t('server.has')} text={t('server.nameless')}>
        <table class="facts">
          <caption class="visually-hidden">{t('server.has')}</caption>
          <thead>
            <tr>
              {heads.map((k) => (
                <th key={k} scope="col">
                  {t(k)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {facts.map((f) => (
              <tr key={f.what}>
                <th scope="row">{f.what}</th>
                {[f.many, f.since, f.kept].map((text, i) => (
                  <td key={i} data-head={t(heads[i + 1]!)}>
                    {text && <bdi>{text}</bdi>}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Group>
      {odd.length > 0 && (
        <Group title={t('server.odd')} text={t('server.odd.hint')}>
          {odd.map((o, i) => (
            <div key={i} class="padded odd">
              <b class="ltr">{o.name}</b>
              <pre tabIndex={0}>{o.data}</pre>
            </div>
          ))}
        </Group>
      )}
    </>
  );
}
