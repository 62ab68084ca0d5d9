// SPDX-License-Identifier: AGPL-3.0-or-later

// The devices of the account: a part of the page that is loaded when somebody opens them, or on a device
// that is about to become one of them.

import { Fragment, h, type VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Device, Devices } from '../core/api.gen';
import { devices as texts } from '../locale/devices/en';
import type { App } from '../model/app';
import { date, learn, number, t } from '../model/i18n';
import { ApproveDialog } from './approve';
import { Button, Group, Icon, IconButton, Name, Problem, Skeletons, useApp, useWork } from './parts';
import { RenameForm } from './rename';
// The page has run it before: see settings.tsx.
import '../main';

export { LinkForm, RecoverForm, Resume } from './arrive';

learn(texts);

export function DevicesSection(): VNode {
  const app = useApp();
  const [known, set] = useState<Devices | null>(null);
  const [linking, link] = useState(false);
  const work = useWork();
  const load = (refresh: boolean) => work.run(async () => set(await app.core.call('devices', { refresh })));
  useEffect(() => {
    void load(false).then(() => load(true));
    return app.core.on('devices', () => void load(false));
  }, []);
  const live = known?.devices.filter((d) => !d.revoked) ?? [];
  const past = known?.devices.filter((d) => d.revoked) ?? [];
  const here = live.find((d) => d.this)?.id ?? '';
  const names = new Map(known?.devices.map((d) => [d.id, d.name || short(d.id)]));
  return (
    <>
      <Problem text={work.problem || (known && !known.reached ? t('devices.offline') : '')} />
      <Group title={t('settings.devices')} text={t('devices.text')}>
        {known ? (
          <ul class="devices">
            {live.map((d) => (
              <DeviceRow key={d.id} d={d} here={here} names={names} mine={!!here} />
            ))}
          </ul>
        ) : (
          <Skeletons n={2} />
        )}
        {here && (
          <button type="button" class="action" onClick={() => link(true)}>
            <Icon name="plus" />
            <span>
              {t('devices.link')}
              <small>{t('devices.link.text')}</small>
            </span>
          </button>
        )}
      </Group>
      <Giving />
      {past.length > 0 && (
        <details class="past">
          <summary>{t('devices.past', { n: past.length })}</summary>
          <Group>
            <ul class="devices">
              {past.map((d) => (
                <DeviceRow key={d.id} d={d} here={here} names={names} mine={false} />
              ))}
            </ul>
          </Group>
        </details>
      )}
      {linking && <ApproveDialog onClose={() => link(false)} />}
    </>
  );
}

/** The first digits of a device's identifier, as the command line shows them. */
function short(id: string): string {
  return id.slice(0, 8);
}

function nameOf(d: Device): string {
  if (d.name) return d.name;
  return d.this ? t('devices.this') : t('devices.other', { id: short(d.id) });
}

const systems: Record<string, string> = { linux: 'Linux', darwin: 'macOS', windows: 'Windows' };

/** What a device runs on, and when it was used last, where that is known. */
function use(d: Device): string {
  const kind = d.kind === 'browser' ? t('devices.browser') : (systems[d.kind] ?? d.kind);
  return t('devices.used', { kind, date: date(d.used) });
}

/** When, and by which device, one became the account's. */
function origin(d: Device, here: string, names: Map<string, string>): string {
  const when = { date: date(d.added) };
  if (!d.addedBy) return t('devices.by-key', when);
  if (d.addedBy === d.id) return t('devices.first', when);
  if (d.addedBy === here) return t('devices.by-this', when);
  return t('devices.by', { ...when, id: names.get(d.addedBy) ?? short(d.addedBy) });
}

function DeviceRow(p: { d: Device; here: string; names: Map<string, string>; mine: boolean }): VNode {
  const app = useApp();
  const [editing, edit] = useState(false);
  const d = p.d;
  const name = nameOf(d);
  if (editing)
    return (
      <li class="device">
        <RenameForm
          name={d.name}
          label={t('devices.name')}
          save={(text) => app.core.call('renameDevice', { device: d.id, name: text })}
          onDone={() => edit(false)}
        />
      </li>
    );
  return (
    <li class="device">
      <Icon name="laptop" />
      <span class="body">
        <b>
          <Name of={name} />
        </b>
        {d.this && d.name && <small>{t('devices.this')}</small>}
        {d.used > 0 && <small>{use(d)}</small>}
        <small>{origin(d, p.here, p.names)}</small>
        {d.revoked > 0 && <small>{t('devices.revoked', { date: date(d.revoked) })}</small>}
      </span>
      {p.mine && <IconButton icon="edit" label={t('devices.rename', { name })} onClick={() => edit(true)} />}
      {p.mine && !d.this && (
        <Button danger label={t('remove', { name })} onClick={() => confirmRevoke(app, d)}>
          {t('remove.action')}
        </Button>
      )}
    </li>
  );
}

/** Asks before a device is removed, and whether those that it added go, too. */
function confirmRevoke(app: App, d: Device): void {
  app.sheet.value = {
    kind: 'confirm',
    title: t('devices.remove', { name: nameOf(d) }),
    text: t('devices.remove.text'),
    action: t('remove.action'),
    danger: true,
    ...(d.descendants > 0 && {
      choice: {
        label: t('devices.remove.more'),
        options: [
          ['all', t('devices.remove.all', { n: d.descendants })],
          ['', t('devices.remove.one')],
        ],
      },
    }),
    run: async (chosen) => {
      await app.core.call('revokeDevice', { device: d.id, descendants: chosen === 'all' });
      app.toasts.add(t('devices.removed'));
    },
  };
}

/** How much of the history another device has got from this one. */
function Giving(): VNode | null {
  const moved = useApp().history.value;
  if (!moved?.given) return null;
  const text = t('devices.giving', { done: number(moved.done), all: number(moved.total) });
  return (
    <div class="padded">
      <p class="hint">{text}</p>
      <progress class="meter" aria-label={text} max={moved.total} value={moved.done} />
    </div>
  );
}
