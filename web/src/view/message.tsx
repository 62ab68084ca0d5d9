// SPDX-License-Identifier: AGPL-3.0-or-later

import { h, type VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { Conversation, Message } from '../core/api.gen';
import { clock, moment, number, size, t } from '../model/i18n';
import { preview } from '../model/preview';
import { told } from '../model/problem';
import { localPrefix } from '../model/timeline';
import { harmless, hue, onlyEmoji, plain } from '../model/text';
import { messageItems, quickEmoji, react, writable } from './actions';
import { Attachments, isPicture } from './attachments';
import { Markdown } from './markdown';
import { longPress, openMenu } from './menu';
import { Avatar, Button, Icon, IconButton, Name, useApp } from './parts';
import { useSwipe } from './swipe';
import { stateName, Ticks } from './ticks';

interface Props {
  c: Conversation;
  m: Message;
  first: boolean;
  last: boolean;
  stop: boolean;
  onJump: (id: string) => void;
}

/** One message: who, what, when and how far it has come. */
export function MessageView(p: Props): VNode {
  const app = useApp();
  const { c, m } = p;
  const others = c.group && !m.own;
  const mine = m.reactions.filter((r) => r.from === app.session.value?.address).map((r) => r.emoji);
  const menu = (at: Element | MouseEvent) =>
    openMenu(
      at,
      messageItems(app, c, m),
      m.deleted || !writable(c) || m.id.startsWith(localPrefix)
        ? undefined
        : { emoji: quickEmoji, chosen: mine, run: (emoji) => react(app, m, emoji) },
    );
  const keys = (e: KeyboardEvent & { currentTarget: HTMLElement }) => {
    if (e.target !== e.currentTarget) return;
    if (e.key === 'Enter' || e.key === 'ContextMenu' || (e.key === 'F10' && e.shiftKey)) {
      e.preventDefault();
      menu(e.currentTarget.querySelector('.bubble') ?? e.currentTarget);
    } else if (e.key.toLowerCase() === 'r' && !e.ctrlKey && !e.metaKey && answerable) {
      e.preventDefault();
      answer();
    }
  };
  const answerable = writable(c) && !m.deleted;
  const answer = () => app.composer(c.id).answer(m);
  const { pulled, handlers } = useSwipe({ end: answer });
  const [near, setNear] = useState(false);
  const come = () => setNear(true);
  const label = [m.own ? t('you') : harmless(m.author), preview(m), moment(m.sentAt), stateName(m)]
    .filter(Boolean)
    .join(', ');
  return (
    <div
      role="listitem"
      class={`message ${m.own ? 'own' : 'other'} ${p.first ? 'first' : ''} ${p.last ? 'last' : ''}`}
      data-key={m.id}
      tabIndex={p.stop ? 0 : -1}
      aria-label={label}
      onKeyDown={keys}
      onPointerEnter={come}
      onFocusIn={come}
      {...(answerable && handlers)}
    >
      {pulled && (
        <span class="pulled">
          <Icon name="reply" />
        </span>
      )}
      {others && (p.last ? <Avatar name={m.author} address={m.from} size="s28" /> : <span class="gap" />)}
      <div class="stack-of">
        {others && p.first && (
          <span class="author" style={{ '--hue': String(hue(m.from)) }}>
            <Name of={m.author} />
          </span>
        )}
        <div class="line">
          <Bubble {...p} onMenu={menu} />
          {answerable && near && <Tools m={m} onReply={answer} onMenu={menu} />}
        </div>
        <Reactions m={m} />
        {(p.last || m.state === 'failed' || m.edited) && <Foot m={m} last={p.last} />}
      </div>
    </div>
  );
}

function Bubble(p: Props & { onMenu: (at: MouseEvent) => void }): VNode {
  const { m } = p;
  const app = useApp();
  const [all, setAll] = useState('');
  const open = () => void app.whole(m).then((w) => setAll(w.text));
  useEffect(() => void (all && open()), [m]);
  const big = m.deleted || m.quote || m.attachments.length ? 0 : onlyEmoji(m.text);
  const menu = (e: MouseEvent) => {
    if (!window.getSelection()?.toString() && !(e.target as Element).closest('a')) p.onMenu(e);
  };
  if (m.deleted)
    return (
      <div class="bubble deleted" onContextMenu={menu}>
        <Icon name="ban" size="small" />
        {t(m.own ? 'deleted.own' : 'deleted')}
      </div>
    );
  const pictures = m.attachments.length > 0 && m.attachments.every(isPicture);
  return (
    <div
      class={`bubble ${big && big <= 3 ? 'big' : ''} ${pictures ? 'pictures' : ''} ${m.mentionsMe ? 'for-me' : ''}`}
      onContextMenu={menu}
      {...longPress(menu)}
    >
      {m.quote && <Quoted m={m} onJump={p.onJump} />}
      {m.attachments.length > 0 && <Attachments m={m} />}
      {m.text && <Markdown text={(m.length && all) || m.text} />}
      {m.length && !all && (
        <Button plain onClick={open}>
          {t('show-all', { n: size(m.length) })}
        </Button>
      )}
    </div>
  );
}

function Quoted({ m, onJump }: { m: Message; onJump: (id: string) => void }): VNode {
  return (
    <button type="button" class="quote" onClick={() => onJump(m.replyTo)}>
      <b>
        <Name of={m.quote!.author} />
      </b>
      <span dir="auto">{m.quote!.deleted ? t('deleted') : plain(m.quote!.text, 120) || t('attachment')}</span>
    </button>
  );
}

/** Shown while the pointer or the focus is on a message, and made when it first is. */
function Tools({ m, onReply, onMenu }: { m: Message; onReply: () => void; onMenu: (at: Element) => void }): VNode {
  const at = (e: MouseEvent) => onMenu(e.currentTarget as Element);
  return (
    <span class="tools">
      <IconButton icon="smile" label={t('react')} menu onClick={at} />
      <IconButton icon="reply" label={t('reply')} mirrors={m.own} onClick={onReply} />
    </span>
  );
}

function Reactions({ m }: { m: Message }): VNode | null {
  const app = useApp();
  const self = app.session.value?.address;
  const by = new Map<string, string[]>();
  for (const r of m.reactions) if (sign(r.emoji)) by.set(r.emoji, [...(by.get(r.emoji) ?? []), r.from]);
  if (!by.size || m.deleted) return null;
  return (
    <div class="reactions">
      {[...by].slice(0, 12).map(([emoji, from]) => (
        <button
          key={emoji}
          type="button"
          aria-pressed={from.includes(self ?? '')}
          aria-label={t('reaction', { emoji: sign(emoji), n: from.length })}
          onClick={() => react(app, m, emoji)}
        >
          <span>{sign(emoji)}</span>
          {from.length > 1 && <span class="figures">{number(from.length)}</span>}
        </button>
      ))}
    </div>
  );
}

/** The first character of a reaction, or nothing if there is nothing to be seen. */
export function sign(emoji: string): string {
  const first = new Intl.Segmenter().segment(harmless(emoji)).containing(0)?.segment ?? '';
  return /[\p{L}\p{N}\p{P}\p{S}]/u.test(first) ? first : '';
}

function Foot({ m, last }: { m: Message; last: boolean }): VNode {
  const app = useApp();
  const retry = () => void app.attempt(() => app.core.call('retry', { conversation: m.conversation, message: m.id }));
  if (m.state === 'failed') {
    return (
      <button type="button" class="foot failed" onClick={retry}>
        <Icon name="failed" size="tiny" />
        {t('failed.retry', { reason: m.reason ? told(m.reason) : '' })}
      </button>
    );
  }
  return (
    <span class="foot">
      {m.edited && <span>{t('edited')}</span>}
      {m.expiresAt > 0 && <Icon name="timer" size="tiny" />}
      {last && (
        <time dateTime={new Date(m.sentAt).toISOString()} title={moment(m.sentAt)}>
          {clock(m.sentAt)}
        </time>
      )}
      {last && <Ticks m={m} />}
    </span>
  );
}
