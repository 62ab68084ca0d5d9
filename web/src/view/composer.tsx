// SPDX-License-Identifier: AGPL-3.0-or-later

import { Fragment, h, type VNode } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Conversation, Member } from '../core/api.gen';
import type { App } from '../model/app';
import { mostFiles, type Card } from '../model/composer';
import { size, t } from '../model/i18n';
import { candidates, handle, mentionAt } from '../model/mention';
import { preview } from '../model/preview';
import { isPhoto, redraw } from './media';
import { openMenu } from './menu';
import { Avatar, FileName, Icon, IconButton, Name, Problem, useApp } from './parts';
import { Recorder } from './recorder';

/** How often, in milliseconds, others are told that somebody writes. */
const tellEvery = 4000;
const saveAfter = 300;

export function ComposerView({ c }: { c: Conversation }): VNode {
  const app = useApp();
  const composer = app.composer(c.id);
  const field = useRef<HTMLTextAreaElement>(null);
  const [recording, setRecording] = useState(false);
  const mentions = useMentions(c, field);
  const add = (files: File[], asFile: boolean) => addFiles(app, c.id, files, asFile);
  const foot = useRef<HTMLElement>(null);
  const take = (data: DataTransfer) => void addData(app, c.id, data);
  const over = useDrop(foot, take);
  useEffect(() => {
    void composer.restore(c);
    if (matchMedia('(pointer: fine)').matches) field.current?.focus({ preventScroll: true });
  }, [c.id]);
  useEffect(() => {
    if (composer.reply.value || composer.editing.value) field.current?.focus();
  }, [composer.reply.value, composer.editing.value]);
  useGrowth(field, composer.text.value);
  useDraft(c.id);
  const send = () => {
    mentions.close();
    void app.submit(c.id);
    field.current?.focus();
  };
  const keys = (e: KeyboardEvent) => {
    if (mentions.keys(e)) return;
    const enter = e.key === 'Enter' && !e.shiftKey && !e.isComposing;
    const direct = app.settings.look.value.enterSends === 'on' && matchMedia('(pointer: fine)').matches;
    if (enter && (direct || e.ctrlKey || e.metaKey)) {
      e.preventDefault();
      send();
    } else if (
      e.key === 'ArrowUp' &&
      !e.altKey &&
      !e.ctrlKey &&
      !e.metaKey &&
      !composer.text.value &&
      !composer.editing.value
    ) {
      const last = app.timeline(c.id).lastWritten;
      if (!last) return;
      e.preventDefault();
      composer.edit(last);
    }
  };
  const recorded = () => {
    setRecording(false);
    requestAnimationFrame(() => field.current?.focus());
  };
  if (recording)
    return (
      <footer ref={foot} class="composer">
        <Recorder id={c.id} onEnd={recorded} />
      </footer>
    );
  const editing = composer.editing.value;
  return (
    <footer ref={foot} class={`composer ${over ? 'over' : ''}`}>
      {mentions.list}
      <Above id={c.id} />
      <Cards id={c.id} />
      {composer.problem.value && <Problem text={composer.problem.value} />}
      <div class="write">
        {!editing && <Attach onFiles={add} />}
        <textarea
          ref={field}
          class="input"
          rows={1}
          dir="auto"
          aria-label={t('message.to', { name: c.name })}
          placeholder={t('message')}
          value={composer.text.value}
          aria-controls={mentions.active && 'mentions'}
          aria-activedescendant={mentions.active}
          autocomplete="off"
          spellcheck
          onInput={(e) => {
            composer.text.value = e.currentTarget.value;
            mentions.look();
          }}
          onKeyDown={keys}
          onClick={mentions.look}
          onBlur={mentions.close}
          onPaste={(e) => {
            if (!e.clipboardData?.files.length || worded(e.clipboardData)) return;
            e.preventDefault();
            take(e.clipboardData);
          }}
        />
        {composer.empty && !editing ? (
          <IconButton icon="mic" label={t('record')} onClick={() => setRecording(true)} />
        ) : (
          <IconButton
            icon={editing ? 'check' : 'send'}
            label={t(editing ? 'save' : 'send')}
            class="filled send"
            disabled={composer.empty}
            onClick={send}
          />
        )}
      </div>
    </footer>
  );
}

/** What is answered or edited. */
function Above({ id }: { id: string }): VNode | null {
  const { composer } = { composer: useApp().composer(id) };
  const m = composer.editing.value ?? composer.reply.value;
  if (!m) return null;
  return (
    <div class="above">
      <Icon name={composer.editing.value ? 'edit' : 'reply'} size="small" />
      <span class="body">
        <b>{composer.editing.value ? t('editing') : t('replying', { name: m.own ? t('yourself') : m.author })}</b>
        <span class="clip" dir="auto">
          {preview(m)}
        </span>
      </span>
      <IconButton icon="close" label={t('cancel')} onClick={() => composer.cancel()} />
    </div>
  );
}

function Cards({ id }: { id: string }): VNode | null {
  const composer = useApp().composer(id);
  if (!composer.cards.value.length) return null;
  return (
    <div class="cards" role="list" aria-label={t('attachments')}>
      {composer.cards.value.map((card) => (
        <CardView key={card.key} card={card} onRemove={() => composer.detach(card.key)} />
      ))}
    </div>
  );
}

function CardView({ card, onRemove }: { card: Card; onRemove: () => void }): VNode {
  return (
    <div role="listitem" class={card.preview ? 'card picture' : 'card'}>
      {card.preview ? (
        <img src={card.preview} alt={t('photos', { n: 1 })} />
      ) : (
        <>
          <Icon name="file" />
          <span class="body">
            <FileName of={card.name} />
            <span class="hint figures">{size(card.blob.size)}</span>
          </span>
        </>
      )}
      <IconButton icon="close" label={t('remove', { name: card.name })} onClick={onRemove} />
    </div>
  );
}

function Attach({ onFiles }: { onFiles: (files: File[], asFile: boolean) => Promise<void> }): VNode {
  const pictures = useRef<HTMLInputElement>(null);
  const files = useRef<HTMLInputElement>(null);
  const take = (asFile: boolean) => (e: Event & { currentTarget: HTMLInputElement }) => {
    void onFiles([...(e.currentTarget.files ?? [])], asFile);
    e.currentTarget.value = '';
  };
  return (
    <>
      <IconButton
        icon="plus"
        label={t('attach')}
        menu
        onClick={(e) =>
          openMenu(e.currentTarget as Element, [
            { icon: 'image', label: t('attach.photos'), run: () => pictures.current?.click() },
            { icon: 'file', label: t('attach.files'), run: () => files.current?.click() },
          ])
        }
      />
      <input ref={pictures} type="file" accept="image/*" multiple hidden onChange={take(false)} />
      <input ref={files} type="file" multiple hidden onChange={take(true)} />
    </>
  );
}

/** Adds files to the next message; pictures are drawn anew unless sent as files. */
export async function addFiles(app: App, id: string, files: File[], asFile: boolean): Promise<void> {
  const composer = app.composer(id);
  composer.problem.value = '';
  for (const file of files) {
    const picture = !asFile && isPhoto(file);
    try {
      const made = picture ? await redraw(file) : { blob: file, name: file.name };
      if (app.session.value?.phase !== 'open') return;
      if (!composer.attach(made.blob, made.name, picture ? URL.createObjectURL(made.blob) : ''))
        composer.problem.value = t('too-many-files', { n: mostFiles });
    } catch {
      composer.problem.value = t('picture.failed', { name: file.name });
    }
  }
}

/** Whether what was copied is a text, of which there may be a picture, too. The name of a file is none. */
function worded(data: DataTransfer): boolean {
  const text = data.getData('text/plain');
  return !!text && ![...data.files].some((f) => text.includes(f.name));
}

/** Adds the files that were pasted or dropped. Browsers name folders among them, which cannot be read. */
async function addData(app: App, id: string, data: DataTransfer): Promise<void> {
  const all = [...data.items].filter((i) => i.kind === 'file');
  const files = all.filter((i) => !i.webkitGetAsEntry()?.isDirectory).flatMap((i) => i.getAsFile() ?? []);
  await addFiles(app, id, files, false);
  if (files.length < all.length) app.composer(id).problem.value = t('no-folders');
}

/** Takes files that are dropped anywhere on the conversation, and tells whether some are held over it. */
function useDrop(foot: { current: HTMLElement | null }, take: (data: DataTransfer) => void): boolean {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const pane = foot.current!.parentElement!;
    const held = (over: boolean) => (e: DragEvent) => {
      if (!e.dataTransfer?.types.includes('Files')) return; // a text goes where it is dropped
      e.preventDefault();
      setOver(over);
      if (!over) take(e.dataTransfer);
    };
    const handlers: [string, (e: DragEvent) => void][] = [
      ['dragover', held(true)],
      ['dragleave', (e) => !pane.contains(e.relatedTarget as Node | null) && setOver(false)],
      ['drop', held(false)],
    ];
    for (const [name, fn] of handlers) pane.addEventListener(name, fn as EventListener);
    return () => handlers.forEach(([name, fn]) => pane.removeEventListener(name, fn as EventListener));
  }, []);
  return over;
}

function useGrowth(field: { current: HTMLTextAreaElement | null }, text: string): void {
  useLayoutEffect(() => {
    const el = field.current;
    if (!el || CSS.supports('field-sizing', 'content')) return;
    const line = el.parentElement!;
    line.style.minHeight = `${line.offsetHeight}px`; // or the messages would have its place for a moment, and scroll
    el.style.height = 'auto';
    el.style.height = `${el.scrollHeight + 2}px`;
    line.style.minHeight = '';
  }, [text]);
}

/** Keeps drafts, and tells others that somebody writes. */
function useDraft(id: string): void {
  const app = useApp();
  const composer = app.composer(id);
  const text = composer.text.value;
  const told = useRef(0);
  useEffect(() => {
    const timer = setTimeout(() => void composer.save().catch(() => undefined), saveAfter);
    const now = app.around.now();
    if (
      text &&
      composer.changed &&
      !composer.editing.value &&
      app.settings.stored.value.typing &&
      document.activeElement?.tagName === 'TEXTAREA' &&
      now - told.current > tellEvery
    ) {
      told.current = now;
      app.core.call('typing', { conversation: id, on: true }).catch(() => undefined);
    }
    return () => clearTimeout(timer);
  }, [text, composer.reply.value]);
}

function useMentions(c: Conversation, field: { current: HTMLTextAreaElement | null }) {
  const app = useApp();
  const composer = app.composer(c.id);
  const [typed, setTyped] = useState<string | null>(null);
  const [at, setAt] = useState(0);
  const look = () => {
    const el = field.current;
    const word = el && c.group ? mentionAt(el.value, el.selectionStart) : null;
    setTyped(word);
    setAt(0);
    if (word !== null && typed === null) void app.meet(c.id).catch(() => undefined);
  };
  const fitting = typed === null ? [] : candidates(composer.members.value ?? [], typed);
  const close = () => setTyped(null);
  const choose = (m: Member) => {
    const el = field.current!;
    const from = el.selectionStart - typed!.length - 1;
    const name = handle(m.address, composer.others);
    composer.text.value = `${el.value.slice(0, from)}@${name} ${el.value.slice(el.selectionStart)}`;
    close();
    requestAnimationFrame(() => {
      el.focus();
      el.selectionStart = el.selectionEnd = from + name.length + 2;
    });
  };
  const keys = (e: KeyboardEvent): boolean => {
    if (!fitting.length || e.isComposing) return false;
    const el = field.current!;
    if (mentionAt(el.value, el.selectionStart) !== typed) return false; // the cursor is elsewhere, and the list about to go
    const step = { ArrowDown: 1, ArrowUp: -1 }[e.key] ?? 0;
    if (step) setAt((at + step + fitting.length) % fitting.length);
    else if (e.key === 'Enter' || e.key === 'Tab') choose(fitting[at] ?? fitting[0]!);
    else if (e.key === 'Escape') close();
    else return !requestAnimationFrame(look); // once the key has moved the cursor
    e.preventDefault();
    e.stopPropagation();
    return true;
  };
  const list = fitting.length ? (
    <div class="mentions" id="mentions" role="listbox" aria-label={t('mention')} tabIndex={0}>
      {fitting.map((m, i) => (
        <div
          key={m.address}
          id={`mention-${i}`}
          role="option"
          aria-selected={i === at}
          class="mention-option"
          onPointerDown={(e) => {
            e.preventDefault();
            choose(m);
          }}
        >
          <Avatar name={m.name} address={m.address} size="s28" />
          <span class="clip">
            <Name of={m.name} />
          </span>
          {m.name !== m.address && <span class="hint clip ltr">{m.address}</span>}
        </div>
      ))}
    </div>
  ) : null;
  return { look, keys, close, list, active: list ? `mention-${at}` : undefined };
}
