// SPDX-License-Identifier: AGPL-3.0-or-later

// What is behind a conversation: a person or a group.

import { Fragment, h, type VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Contact, Conversation, Member, Members } from '../core/api.gen';
import { duration, number, t } from '../model/i18n';
import { fold } from '../model/text';
import { confirmBlock, confirmDelete, confirmLeave, conversationItems, copy, writable } from './actions';
import { openMenu, type Item } from './menu';
import { Picker, usePicked } from './new';
import {
  Avatar,
  Bar,
  Button,
  Choice,
  Dialog,
  Empty,
  Icon,
  IconButton,
  Name,
  Problem,
  Seal,
  Skeletons,
  useApp,
  useNow,
  useWork,
  rove,
  type IconName,
} from './parts';
import { RenameForm } from './rename';

const hour = 3_600_000;
/** How long, in milliseconds, a group has to be at rest before its members are read again: roles and names change without a word in the list. */
const settling = 300;
const timers = [0, 30_000, 5 * 60_000, hour, 8 * hour, 24 * hour, 7 * 24 * hour, 28 * 24 * hour];

export function timerOptions(current: number): [string, string][] {
  const all = timers.includes(current) ? timers : [...timers, current].sort((a, b) => a - b);
  return all.map((ms) => [String(ms), ms ? duration(ms) : t('off')]);
}

export function Details({ id }: { id: string }): VNode | null {
  const app = useApp();
  const c = app.list.get(id);
  if (!c) return null;
  return (
    <section class="details" aria-label={t('details')}>
      <Bar title={title(c)} back={() => app.router.back()} beside />
      <div class="scroll">
        {c.own && <NotesBody c={c} />}
        {c.group && <GroupBody key={id} c={c} />}
        {!c.own && !c.group && <PersonBody key={c.peer} address={c.peer} c={c} />}
      </div>
    </section>
  );
}

function title(c: Conversation): string {
  if (c.own) return t('details');
  return t(c.group ? 'group' : 'contact');
}

export function PersonPane({ address }: { address: string }): VNode {
  const app = useApp();
  return (
    <>
      <Bar title={t('contact')} back={() => app.router.back()} keepBack />
      <div class="scroll">
        <div class="column flush">
          <PersonBody address={address} c={app.list.withPeer(address)} />
        </div>
      </div>
    </>
  );
}

function Action(p: {
  icon: IconName;
  label: string;
  onClick: (e: MouseEvent) => void;
  danger?: boolean;
  text?: string;
}): VNode {
  return (
    <button type="button" class={`action ${p.danger ? 'danger' : ''}`} onClick={p.onClick}>
      <Icon name={p.icon} />
      <span>
        {p.label}
        {p.text && <small>{p.text}</small>}
      </span>
    </button>
  );
}

function PersonBody({ address, c }: { address: string; c: Conversation | undefined }): VNode {
  const app = useApp();
  const [person, setPerson] = useState<Contact | null>(null);
  const work = useWork();
  const load = () => void work.run(async () => setPerson(await app.core.call('contact', { address })));
  useEffect(load, [address, c?.verified, c?.name, c?.status, c?.activity]);
  if (!person)
    return work.problem ? (
      <Empty icon="failed" title={work.problem}>
        <Button onClick={load}>{t('try-again')}</Button>
      </Empty>
    ) : (
      <Skeletons n={3} />
    );
  const inConversation = app.router.route.value.at === 'conversation';
  return (
    <>
      <div class="portrait">
        <Avatar name={person.name} address={address} size="s96" />
        <h2>
          <Name of={person.name} />
          {person.verified && <Seal />}
        </h2>
        <button type="button" class="address ltr" title={t('copy')} onClick={() => void copy(app, address)}>
          {address}
          <Icon name="copy" size="small" />
        </button>
        {person.profile && person.profile !== person.name && (
          <p class="hint">{t('calls-themselves', { name: person.profile })}</p>
        )}
      </div>
      <section class="group-of">
        {!person.blocked && !(inConversation && writable(c)) && (
          <Action icon="edit" label={t('write')} onClick={() => void app.attempt(() => app.write(address))} />
        )}
        <Action
          icon={person.verified ? 'seal' : 'shield'}
          label={t(person.verified ? 'verified' : 'verify')}
          text={t(person.verified ? 'verified.text' : 'verify.text')}
          onClick={() => (app.sheet.value = { kind: 'verify', address })}
        />
      </section>
      <NameForm person={person} onDone={load} />
      {c && <Common c={c} leads={c.status === 'active'} />}
      <section class="group-of">
        {person.blocked ? (
          <Action
            icon="check"
            label={t('unblock')}
            onClick={() => void app.attempt(() => app.core.call('unblock', { address })).then(load)}
          />
        ) : (
          <Action icon="ban" label={t('block')} danger onClick={() => confirmBlock(app, address, person.name)} />
        )}
        {c && <Action icon="trash" label={t('delete-conversation')} danger onClick={() => confirmDelete(app, c)} />}
      </section>
    </>
  );
}

function NameForm({ person, onDone }: { person: Contact; onDone: () => void }): VNode {
  const app = useApp();
  const [name, setName] = useState(person.private);
  const work = useWork();
  const submit = async (e: Event) => {
    e.preventDefault();
    if (await work.run(() => app.core.call('setContactName', { address: person.address, name: name.trim() }))) onDone();
  };
  return (
    <form class="group-of padded" onSubmit={(e) => void submit(e)}>
      <label class="field">
        <span>{t('private-name')}</span>
        <span class="with-button">
          <input
            class="input"
            dir="auto"
            maxLength={64}
            placeholder={person.profile || person.address}
            value={name}
            onInput={(e) => setName(e.currentTarget.value)}
          />
          {name.trim() !== person.private && (
            <Button submit disabled={work.busy}>
              {t('save')}
            </Button>
          )}
        </span>
        <small>{t('private-name.hint')}</small>
      </label>
      <Problem text={work.problem} />
    </form>
  );
}

/** What people and groups have in common. */
function Common({ c, leads }: { c: Conversation; leads: boolean }): VNode {
  const app = useApp();
  useNow(); // a mute ends by itself
  const items = conversationItems(app, c).filter((i) => !i.danger);
  return (
    <section class="group-of">
      {leads && (
        <Choice
          icon="timer"
          label={t('timer')}
          hint={t('timer.hint')}
          value={String(c.timer)}
          options={timerOptions(c.timer)}
          onChange={(v) => void app.attempt(() => app.core.call('setTimer', { conversation: c.id, time: Number(v) }))}
        />
      )}
      {items.map((i) => (
        <Action
          key={i.label}
          icon={i.icon}
          label={i.label}
          {...(i.text && { text: i.text })}
          onClick={(e) => (i.more ? openMenu(e.currentTarget as Element, i.more) : i.run())}
        />
      ))}
    </section>
  );
}

/** Notes have nobody behind them. */
function NotesBody({ c }: { c: Conversation }): VNode {
  return (
    <>
      <div class="portrait">
        <Avatar name={c.name} address={c.peer} own size="s96" />
        <h2>
          <Name of={c.name} />
        </h2>
        <p class="hint">{t('notes.text')}</p>
      </div>
      <Common c={c} leads={writable(c)} />
    </>
  );
}

function GroupBody({ c }: { c: Conversation }): VNode {
  const app = useApp();
  const [members, setMembers] = useState<Members | null>(null);
  const [adding, setAdding] = useState(false);
  const work = useWork();
  const load = () => void work.run(async () => setMembers(await app.members(c.id)));
  useEffect(load, [c.id, c.members, c.status]);
  useEffect(() => {
    const timer = setTimeout(load, settling);
    return () => clearTimeout(timer);
  }, [c]);
  const leads = members !== null && members.role !== 'member' && c.status === 'active';
  return (
    <>
      <div class="portrait">
        <Avatar name={c.name} address={c.id} group size="s96" />
        {leads ? (
          <TitleForm c={c} />
        ) : (
          <h2>
            <Name of={c.name} />
          </h2>
        )}
        {c.members > 0 && <p class="hint">{t('members', { n: c.members })}</p>}
      </div>
      <Common c={c} leads={leads} />
      <Problem text={work.problem} />
      {members?.members.length ? (
        <MemberList c={c} members={members} onChanged={load} onAdd={leads ? () => setAdding(true) : undefined} />
      ) : (
        !members && !work.problem && <Skeletons n={4} />
      )}
      <section class="group-of">
        {c.status === 'active' ? (
          <Action icon="out" label={t('leave')} danger onClick={() => void app.attempt(() => confirmLeave(app, c))} />
        ) : (
          <Action icon="trash" label={t('delete-conversation')} danger onClick={() => confirmDelete(app, c)} />
        )}
      </section>
      {adding && (
        <AddMembers
          c={c}
          have={members?.members ?? []}
          onClose={() => {
            setAdding(false);
            load();
          }}
        />
      )}
    </>
  );
}

function TitleForm({ c }: { c: Conversation }): VNode {
  const app = useApp();
  const [editing, edit] = useState(false);
  if (editing)
    return (
      <RenameForm
        name={c.name}
        label={t('group.title')}
        required
        save={(text) => app.core.call('rename', { conversation: c.id, message: '', text })}
        onDone={() => edit(false)}
      />
    );
  return (
    <h2>
      <Name of={c.name} />
      <IconButton icon="edit" label={t('rename')} onClick={() => edit(true)} />
    </h2>
  );
}

const shownMembers = 40;

function MemberList(p: {
  c: Conversation;
  members: Members;
  onChanged: () => void;
  onAdd: (() => void) | undefined;
}): VNode {
  const [query, setQuery] = useState('');
  const [all, setAll] = useState(false);
  const wanted = fold(query.trim());
  const order = { owner: 0, admin: 1, member: 2 } as Record<string, number>;
  const sorted = [...p.members.members]
    .filter((m) => !wanted || fold(m.name).includes(wanted) || m.address.includes(wanted))
    .sort(
      (a, b) =>
        Number(b.self) - Number(a.self) || (order[a.role] ?? 3) - (order[b.role] ?? 3) || a.name.localeCompare(b.name),
    );
  const shown = all || wanted ? sorted : sorted.slice(0, shownMembers);
  return (
    <section class="group-of" onKeyDown={(e) => rove(e, '.row')}>
      <h3 class="section">{t('members', { n: p.members.members.length })}</h3>
      {p.members.members.length > 12 && (
        <div class="find flat">
          <Icon name="search" />
          <input
            class="input"
            type="search"
            aria-label={t('search.members')}
            placeholder={t('search.members')}
            value={query}
            onInput={(e) => setQuery(e.currentTarget.value)}
          />
        </div>
      )}
      {p.onAdd && !wanted && (
        <button type="button" class="row" onClick={p.onAdd}>
          <span class="glyph">
            <Icon name="plus" />
          </span>
          <span class="name">{t('add-people')}</span>
        </button>
      )}
      {shown.map((m) => (
        <MemberRow key={m.address} m={m} {...p} />
      ))}
      {shown.length < sorted.length && (
        <Button plain wide onClick={() => setAll(true)}>
          {t('show-all', { n: sorted.length })}
        </Button>
      )}
    </section>
  );
}

function MemberRow({
  m,
  c,
  members,
  onChanged,
}: {
  m: Member;
  c: Conversation;
  members: Members;
  onChanged: () => void;
}): VNode {
  const app = useApp();
  const role =
    (to: string): Item['run'] =>
    () =>
      void app
        .attempt(() => app.core.call('setRole', { conversation: c.id, address: m.address, role: to }))
        .then(onChanged);
  const remove = () => {
    app.sheet.value = {
      kind: 'confirm',
      title: t('remove.title', { name: m.name }),
      text: t('remove.text'),
      action: t('remove.action'),
      danger: true,
      run: () => app.core.call('removeMembers', { conversation: c.id, people: [m.address] }).then(onChanged),
    };
  };
  const items: Item[] = [];
  if (!m.self)
    items.push({ icon: 'user', label: t('contact'), run: () => app.router.go({ at: 'person', address: m.address }) });
  if (members.role === 'owner' && !m.self && m.role !== 'owner')
    items.push({ icon: 'key', label: t('make-owner'), run: role('owner') });
  if (members.role === 'owner' && !m.self)
    items.push(
      m.role !== 'member'
        ? { icon: 'shieldOff', label: t('make-member'), run: role('member') }
        : { icon: 'shield', label: t('make-admin'), run: role('admin') },
    );
  if (!m.self && (members.role === 'owner' ? m.role !== 'owner' : members.role === 'admin' && m.role === 'member'))
    items.push({ icon: 'trash', label: t('remove.action'), danger: true, run: remove });
  return (
    <button type="button" class="row" disabled={!items.length} onClick={(e) => openMenu(e.currentTarget, items)}>
      <Avatar name={m.name} address={m.address} size="s36" />
      <span class="body">
        <span class="line">
          <Name of={m.self ? t('you') : m.name} class="name clip" />
          {m.verified && <Seal />}
          {m.role !== 'member' && <span class="when">{t(`role.${m.role as 'admin'}`)}</span>}
        </span>
        {(m.name !== m.address || !m.confirmed) && (
          <span class="preview clip">{m.confirmed ? <span class="ltr">{m.address}</span> : t('confirming')}</span>
        )}
      </span>
    </button>
  );
}

function AddMembers({ c, have, onClose }: { c: Conversation; have: Member[]; onClose: () => void }): VNode {
  const app = useApp();
  const picked = usePicked();
  const work = useWork();
  const add = async () => {
    if (await work.run(() => app.core.call('addMembers', { conversation: c.id, people: picked.people }))) onClose();
  };
  return (
    <Dialog title={t('add-people')} onClose={onClose} class="tall">
      <div class="scroll">
        <Picker picked={picked} without={have.map((m) => m.address)} />
      </div>
      <footer class="panel">
        <Problem text={work.problem} />
        <Button primary wide disabled={work.busy || !picked.people.length} onClick={() => void add()}>
          {picked.people.length ? t('add', { n: number(picked.people.length) }) : t('add-people')}
        </Button>
      </footer>
    </Dialog>
  );
}
