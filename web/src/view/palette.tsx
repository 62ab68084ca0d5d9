// SPDX-License-Identifier: AGPL-3.0-or-later

import { h, type VNode } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { App } from '../model/app';
import { t, type Key } from '../model/i18n';
import { rank, type Command } from '../model/palette';
import type { Passed } from '../model/sheet';
import { harmless } from '../model/text';
import { confirmBlock, conversationItems, writable } from './actions';
import { addFiles } from './composer';
import { useContacts } from './new';
import { Avatar, Dialog, Icon, Name, useApp } from './parts';
import { sections } from './settings-pane';

export function PaletteSheet(): VNode {
  const app = useApp();
  const contacts = useContacts();
  const all = useMemo(
    () => [
      ...conversations(app),
      ...(contacts ?? [])
        .filter((c) => !c.conversation && !c.blocked && !app.list.withPeer(c.address))
        .map((c): Command => ({
          id: c.address,
          title: c.name,
          hint: c.address,
          kind: 'person',
          run: () => void app.attempt(() => app.write(c.address)),
        })),
      ...actions(app),
    ],
    [contacts],
  );
  return (
    <Chooser
      title={t('palette')}
      placeholder={t('palette.placeholder')}
      commands={all}
      onClose={() => (app.sheet.value = null)}
    />
  );
}

/** Chooses the conversation that something goes to; it is sent from there. */
export function PassSheet({ passed }: { passed: Passed }): VNode {
  const app = useApp();
  const all = useMemo(() => places(app, passed), [passed, app.list.sorted.value]);
  return (
    <Chooser
      title={t('pass.title')}
      placeholder={t('pass.title')}
      commands={all}
      onClose={() => (app.passing.value = null)}
    />
  );
}

/** A list of commands that typing narrows down. */
function Chooser({
  title,
  placeholder,
  commands,
  onClose,
}: {
  title: string;
  placeholder: string;
  commands: Command[];
  onClose: () => void;
}): VNode {
  const [query, setQuery] = useState('');
  const [at, setAt] = useState(0);
  const list = useRef<HTMLDivElement>(null);
  const found = useMemo(() => rank(commands, query, 40), [commands, query]);
  useEffect(() => list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' }), [at]);
  const run = (c: Command | undefined) => {
    if (!c) return;
    onClose();
    c.run();
  };
  const keys = (e: KeyboardEvent) => {
    if (e.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key] ?? 0;
    if (!step && e.key !== 'Enter') return;
    e.preventDefault();
    if (step) setAt((at + step + found.length) % Math.max(1, found.length));
    else run(found[at]);
  };
  return (
    <Dialog title={title} onClose={onClose} class="palette" bare>
      <div class="find">
        <Icon name="search" />
        <input
          class="input"
          autoFocus
          role="combobox"
          aria-expanded="true"
          aria-controls="found"
          aria-activedescendant={found[at] ? `found-${at}` : undefined}
          aria-label={title}
          placeholder={placeholder}
          value={query}
          onInput={(e) => {
            setQuery(e.currentTarget.value);
            setAt(0);
          }}
          onKeyDown={keys}
        />
      </div>
      <div class="scroll found" id="found" role="listbox" aria-label={title} ref={list} tabIndex={-1}>
        {found.map((c, i) => (
          <div
            key={c.kind + c.id}
            id={`found-${i}`}
            role="option"
            aria-selected={i === at}
            class="option"
            onPointerMove={() => at !== i && setAt(i)}
            onClick={() => run(c)}
          >
            {c.kind === 'action' ? (
              <span class="glyph">
                <Icon name="chevron" mirrors />
              </span>
            ) : (
              <Avatar name={c.title} address={c.hint || c.id} size="s28" />
            )}
            <span class="clip">
              <Name of={c.title} />
            </span>
            <span class="hint clip ltr">{c.hint}</span>
          </div>
        ))}
        {!found.length && <p class="hint panel">{t('search.none')}</p>}
      </div>
    </Dialog>
  );
}

function conversations(app: App): Command[] {
  return app.list.sorted.value.map((c) => ({
    id: c.id,
    title: c.name,
    hint: c.peer,
    kind: 'conversation',
    run: () => app.router.go({ at: 'conversation', id: c.id, panel: false }),
  }));
}

/** Those in which something can be said. */
function places(app: App, passed: Passed): Command[] {
  return conversations(app)
    .filter((c) => writable(app.list.get(c.id)))
    .map((c) => ({
      ...c,
      run: () => {
        c.run();
        const composer = app.composer(c.id);
        void composer.restore(app.list.get(c.id)!); // a draft comes first
        composer.append(passed.text);
        void addFiles(app, c.id, passed.files, passed.asFiles);
      },
    }));
}

/** What can be done with the conversation that is open. */
function here(app: App): Command[] {
  const { value: route } = app.router.route;
  const c = route.at === 'conversation' && app.list.get(route.id);
  if (!c) return [];
  const items = conversationItems(app, c).flatMap((i) =>
    i.more ? i.more.map((m) => ({ ...m, label: `${i.label}: ${m.label}` })) : i,
  );
  if (c.peer)
    items.push(
      { icon: 'shield', label: t('verify'), run: () => (app.sheet.value = { kind: 'verify', address: c.peer }) },
      { icon: 'ban', label: t('block'), run: () => confirmBlock(app, c.peer, c.name) },
    );
  return items.map((i) => ({
    id: i.label,
    title: i.label,
    hint: harmless(c.name),
    kind: 'action',
    run: () => void i.run(),
  }));
}

function actions(app: App): Command[] {
  const go = (id: string, title: string, run: () => void, hint = ''): Command => ({
    id,
    title,
    hint,
    kind: 'action',
    run,
  });
  const { router, settings } = app;
  const list = [
    go('new', t('new'), () => router.go({ at: 'new', address: '' })),
    go('group', t('new-group'), () => router.go({ at: 'new-group' })),
    go('share', t('share.yours'), () => (app.sheet.value = { kind: 'share' })),
    go('archive', t('archive'), () => router.go({ at: 'archive' })),
    go('requests', t('requests'), () => router.go({ at: 'requests' })),
    go('settings', t('settings'), () => router.go({ at: 'settings', section: '' })),
    go(
      'theme',
      t(settings.shown.value.theme === 'dark' ? 'theme.to-light' : 'theme.to-dark'),
      () => void app.attempt(() => settings.set('theme', settings.shown.value.theme === 'dark' ? 'light' : 'dark')),
      `${t('look.theme')}: ${t('look.light')}, ${t('look.dark')}`,
    ),
    ...sections.map(([id, , title]) =>
      go(id, t(title), () => router.go({ at: 'settings', section: id }), t(`${title}.hint` as Key)),
    ),
    ...here(app),
  ];
  if (app.session.value?.protected) list.push(go('lock', t('lock'), () => void app.attempt(() => app.lock())));
  return list;
}
