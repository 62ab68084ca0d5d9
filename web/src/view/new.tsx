// SPDX-License-Identifier: AGPL-3.0-or-later

import { Fragment, h, type VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Contact } from '../core/api.gen';
import type { App } from '../model/app';
import { t } from '../model/i18n';
import { fold } from '../model/text';
import { Avatar, Bar, Button, Icon, Name, Problem, Seal, Skeletons, useApp, useWork, rove } from './parts';
import { Scanner } from './scan';

/** An address out of what was typed, pasted or scanned: plain or in a link. */
export function addressIn(text: string): string {
  const found = /([a-z0-9][a-z0-9._-]{1,31}@[a-z0-9-]+(?:\.[a-z0-9-]+)*(?::\d+)?)(?![\p{L}\p{N}])/iu.exec(
    safeDecode(text.trim()),
  );
  return found ? found[1]!.toLowerCase() : '';
}

/** An address at a server: what was typed, or the name of an account there. */
export function addressAt(text: string, host: string): string {
  const name = text.trim().toLowerCase();
  return addressIn(text) || (host && /^[a-z0-9][a-z0-9._-]{1,31}$/.test(name) ? `${name}@${host}` : '');
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function hostOf(app: App): string {
  return app.session.value?.address.split('@')[1] ?? '';
}

export function useContacts(): Contact[] | null {
  const app = useApp();
  const [contacts, set] = useState<Contact[] | null>(null);
  useEffect(
    () =>
      void app.core.call('contacts', {}).then(
        (c) => set(c.contacts),
        () => set([]),
      ),
    [],
  );
  return contacts;
}

export function NewConversation({ address }: { address: string }): VNode {
  const app = useApp();
  const { router } = app;
  const [text, setText] = useState(address);
  const [scanning, setScanning] = useState(false);
  const contacts = useContacts();
  const work = useWork();
  const begin = (to: string) => void work.run(() => app.write(to));
  const wanted = fold(text.trim());
  const typed = addressAt(text, hostOf(app));
  const fitting = contacts?.filter(
    (c) => !c.blocked && (!wanted || fold(c.name).includes(wanted) || c.address.includes(wanted)),
  );
  return (
    <>
      <Bar title={t('new')} back={() => router.back()} keepBack />
      <div class="scroll" onKeyDown={(e) => rove(e, '.row')}>
        <form
          class="panel"
          onSubmit={(e) => {
            e.preventDefault();
            if (typed) begin(typed);
            else work.fail(t('address.wrong'));
          }}
        >
          <div class="find">
            <Icon name="search" />
            <input
              class="input"
              aria-label={t('address.or-name')}
              autoFocus
              autocapitalize="none"
              autocomplete="off"
              spellcheck={false}
              placeholder={t('address.or-name')}
              value={text}
              onInput={(e) => {
                setText(e.currentTarget.value);
                work.fail('');
              }}
            />
          </div>
          <Problem text={work.problem} />
          {typed && (
            <Button primary wide submit disabled={work.busy}>
              {t(work.busy ? 'looking-up' : 'write-to', { name: typed })}
            </Button>
          )}
        </form>
        {scanning && (
          <div class="panel">
            <Scanner
              onFound={(found) => {
                setScanning(false);
                const a = addressIn(found);
                if (a) begin(a);
                else work.fail(t('scan.not-address'));
              }}
            />
          </div>
        )}
        {!text && (
          <div class="rows">
            <Way icon="scan" title={t('scan')} onClick={() => setScanning(!scanning)} />
            <Way icon="notes" title={t('notes')} onClick={() => begin(app.session.value!.address)} />
            <Way icon="users" title={t('new-group')} onClick={() => router.go({ at: 'new-group' })} />
            <Way icon="qr" title={t('share.yours')} onClick={() => (app.sheet.value = { kind: 'share' })} />
          </div>
        )}
        {!contacts && <Skeletons n={4} />}
        {fitting?.length === 0 && text && !typed && <p class="hint panel">{t('people.none')}</p>}
        {fitting && fitting.length > 0 && <h2 class="section">{t('contacts')}</h2>}
        <div class="rows">
          {fitting?.slice(0, 300).map((c) => (
            <PersonRow key={c.address} c={c} onClick={() => begin(c.address)} />
          ))}
        </div>
      </div>
    </>
  );
}

function Way(p: { icon: 'scan' | 'notes' | 'users' | 'qr'; title: string; onClick: () => void }): VNode {
  return (
    <button type="button" class="row" onClick={p.onClick}>
      <span class="glyph">
        <Icon name={p.icon} />
      </span>
      <span class="name">{p.title}</span>
    </button>
  );
}

export function PersonRow({ c, onClick, chosen }: { c: Contact; onClick: () => void; chosen?: boolean }): VNode {
  return (
    <button type="button" class="row" onClick={onClick} aria-pressed={chosen}>
      <Avatar name={c.name} address={c.address} />
      <span class="body">
        <span class="line">
          <Name of={c.name} class="name clip" />
          {c.verified && <Seal />}
        </span>
        <span class="line">
          <span class="preview clip">{c.name !== c.address && <span class="ltr">{c.address}</span>}</span>
          {chosen !== undefined && (
            <span class={`tick ${chosen ? 'on' : ''}`}>{chosen && <Icon name="check" size="small" />}</span>
          )}
        </span>
      </span>
    </button>
  );
}

export function NewGroup(): VNode {
  const app = useApp();
  const [title, setTitle] = useState('');
  const work = useWork();
  const picked = usePicked();
  const create = (e: Event) => {
    e.preventDefault();
    void work.run(async () => {
      const { conversation } = await app.core.call('createGroup', { title: title.trim(), people: picked.people });
      app.router.go({ at: 'conversation', id: conversation, panel: false }, true);
    });
  };
  return (
    <>
      <Bar title={t('new-group')} back={() => app.router.back()} keepBack />
      <form class="panel" onSubmit={create}>
        <label class="field">
          <span>{t('group.title')}</span>
          <input
            class="input"
            dir="auto"
            required
            autoFocus
            maxLength={100}
            value={title}
            onInput={(e) => setTitle(e.currentTarget.value)}
          />
        </label>
        <Problem text={work.problem} />
        <Button primary wide submit disabled={work.busy || !title.trim()}>
          {picked.people.length ? t('group.create', { n: picked.people.length }) : t('group.create.alone')}
        </Button>
      </form>
      <div class="scroll">
        <Picker picked={picked} without={[]} />
      </div>
    </>
  );
}

export interface Picked {
  people: string[];
  toggle: (address: string) => void;
}

export function usePicked(): Picked {
  const [people, set] = useState<string[]>([]);
  return { people, toggle: (a) => set(people.includes(a) ? people.filter((p) => p !== a) : [...people, a]) };
}

/** Chooses people among contacts, or by address. */
export function Picker({ picked, without }: { picked: Picked; without: string[] }): VNode {
  const host = hostOf(useApp());
  const contacts = useContacts();
  const [text, setText] = useState('');
  const wanted = fold(text.trim());
  const known = new Set(contacts?.map((c) => c.address));
  const strangers = picked.people.filter((p) => !known.has(p)).map(stranger);
  const all = [...strangers, ...(contacts ?? [])].filter((c) => !c.blocked && !without.includes(c.address));
  const fitting = all.filter((c) => !wanted || fold(c.name).includes(wanted) || c.address.includes(wanted));
  const typed = addressIn(text) || (fitting.length ? '' : addressAt(text, host));
  const first = () => {
    const one = typed || (wanted && fitting[0]?.address);
    if (!one || without.includes(one)) return;
    if (!picked.people.includes(one)) picked.toggle(one);
    setText('');
  };
  const fresh = typed && !known.has(typed) && !picked.people.includes(typed) && !without.includes(typed);
  return (
    <div onKeyDown={(e) => rove(e, '.row')}>
      <div class="find flat">
        <Icon name="search" />
        <input
          class="input"
          type="search"
          aria-label={t('address.or-name')}
          placeholder={t('address.or-name')}
          autocapitalize="none"
          value={text}
          onInput={(e) => setText(e.currentTarget.value)}
          onKeyDown={(e) => {
            if (e.key !== 'Enter' || e.isComposing) return;
            e.preventDefault();
            first();
          }}
        />
      </div>
      <div class="rows">
        {fresh && (
          <PersonRow
            c={stranger(typed)}
            chosen={false}
            onClick={() => {
              picked.toggle(typed);
              setText('');
            }}
          />
        )}
        {!contacts && <Skeletons n={4} />}
        {fitting.slice(0, 300).map((c) => (
          <PersonRow
            key={c.address}
            c={c}
            chosen={picked.people.includes(c.address)}
            onClick={() => picked.toggle(c.address)}
          />
        ))}
        {contacts && !fitting.length && !fresh && <p class="hint panel">{t('people.none')}</p>}
      </div>
    </div>
  );
}

function stranger(address: string): Contact {
  return {
    address,
    name: address.split('@')[0]!,
    private: '',
    profile: '',
    conversation: '',
    verified: false,
    blocked: false,
  };
}
