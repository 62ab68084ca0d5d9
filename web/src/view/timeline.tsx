// SPDX-License-Identifier: AGPL-3.0-or-later

import { h, type VNode } from 'preact';
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Conversation } from '../core/api.gen';
import { dayName, number, t } from '../model/i18n';
import { rows, type Timeline } from '../model/timeline';
import { happened } from '../model/notice';
import { MessageView } from './message';
import { Button, Empty, Icon, Kept, rove, useApp, useNow } from './parts';

/** How near to an edge, in pixels, more is loaded, or the end counts as reached. */
const near = 1200;
const atEdge = 60;

/** What may hold the place: marks of days go to other messages when older ones come. */
const anchors = '.message, .notice';

export function TimelineView({ c, timeline }: { c: Conversation; timeline: Timeline }): VNode {
  const app = useApp();
  const now = useNow(60_000);
  const place = usePlace(timeline);
  const jump = useCallback((id: string) => void timeline.jump(id), [timeline]);
  const messages = timeline.messages.value;
  const firstUnread = timeline.firstUnread.value;
  const lines = useMemo(() => rows(messages, firstUnread), [messages, firstUnread]);
  const ready = timeline.state.value === 'ready';
  useEffect(() => {
    const look = () => void (ready && place.end && !document.hidden && app.markRead(c.id));
    const turn = () => {
      if (document.hidden && !app.list.get(c.id)?.unread) timeline.firstUnread.value = ''; // the next to come is the first then
      look();
    };
    look();
    document.addEventListener('visibilitychange', turn);
    return () => document.removeEventListener('visibilitychange', turn);
  }, [ready, place.end, messages, c.unread]);
  const last = messages.findLast((m) => !m.notice)?.id;
  return (
    <div class="timeline-frame">
      <div class="scroll timeline" ref={place.box} onScroll={place.scrolled} onKeyDown={(e) => rove(e, '.message')}>
        <div class="messages" ref={place.inner}>
          {timeline.state.value === 'failed' && (
            <Empty icon="failed" title={t('timeline.failed')} text={t('timeline.failed.text')}>
              <Button onClick={() => void timeline.open()}>{t('try-again')}</Button>
            </Empty>
          )}
          {!ready && !messages.length && timeline.state.value === 'loading' && <Ghosts />}
          {ready && !timeline.moreBefore.value && <Beginning c={c} />}
          {timeline.moreBefore.value && (
            <div class="loading-more">
              <Icon name="clock" size="small" />
            </div>
          )}
          <div role="list" aria-label={t('messages')}>
            {lines.map((line) => {
              switch (line.kind) {
                case 'day':
                  return (
                    <div role="listitem" class="day" key={line.key} data-key={line.key}>
                      <span>{dayName(line.at, now)}</span>
                    </div>
                  );
                case 'new':
                  return (
                    <div role="listitem" class="new-line" key="new" data-key="new">
                      <span>{t('new-messages')}</span>
                    </div>
                  );
                case 'notice':
                  return (
                    <div role="listitem" class="notice" key={line.key} data-key={line.key}>
                      {happened(line.message, line.more)}
                    </div>
                  );
                case 'message':
                  return (
                    <Kept
                      key={line.key}
                      on={[line.message, line.first, line.last, line.key === last, c.status]}
                      draw={() => (
                        <MessageView
                          c={c}
                          m={line.message}
                          first={line.first}
                          last={line.last}
                          stop={line.key === last}
                          onJump={jump}
                        />
                      )}
                    />
                  );
              }
            })}
          </div>
          <Writing c={c} />
        </div>
      </div>
      {(!place.end || timeline.moreAfter.value) && ready && (
        <button type="button" class="pill" aria-label={t('to-end')} onClick={() => void timeline.toEnd()}>
          {c.unread > 0 && <span class="badge">{number(c.unread)}</span>}
          <Icon name="down" />
        </button>
      )}
    </div>
  );
}

function Ghosts(): VNode {
  return (
    <div class="ghosts" role="status" aria-label={t('loading')}>
      {[55, 40, 70, 35, 60].map((w, i) => (
        <i key={i} class={i % 3 === 2 ? 'own' : ''} style={{ width: `${w}%` }} />
      ))}
    </div>
  );
}

function Beginning({ c }: { c: Conversation }): VNode {
  return (
    <div class="beginning">
      <Icon name="lock" size="small" />
      <p>{t(c.own ? 'notes.text' : 'beginning')}</p>
      {(!c.last || c.last.notice) && c.status === 'active' && !c.own && <p>{t('beginning.empty')}</p>}
    </div>
  );
}

function Writing({ c }: { c: Conversation }): VNode | null {
  const { typing } = useApp();
  if (!Object.keys(typing.people.value[c.id] ?? {}).length) return null;
  return (
    <div class="writing" aria-hidden="true">
      <i />
      <i />
      <i />
    </div>
  );
}

/** Keeps what is read where it is, whatever arrives above or below it. */
function usePlace(timeline: Timeline) {
  const box = useRef<HTMLDivElement>(null);
  const inner = useRef<HTMLDivElement>(null);
  const anchor = useRef<{ key: string; offset: number } | null>(null);
  /** Where it was scrolled to when that was noted last. */
  const top = useRef(0);
  const ends = useRef(true);
  const opened = useRef(false);
  const [end, setEnd] = useState(false); // until it is known where the view begins: what is at the end counts as read
  const remember = () => {
    const el = box.current!;
    ends.current = !timeline.moreAfter.value && el.scrollHeight - el.scrollTop - el.clientHeight < atEdge;
    setEnd((timeline.atEnd = ends.current));
    anchor.current = null;
    top.current = el.scrollTop;
    for (const child of inner.current!.querySelectorAll<HTMLElement>(anchors)) {
      if (child.offsetTop + child.offsetHeight <= el.scrollTop) continue;
      anchor.current = { key: child.dataset.key!, offset: child.offsetTop - el.scrollTop };
      break;
    }
  };
  /** How far somebody has scrolled since; the browser itself scrolls up where less is left. */
  const strayed = (el: HTMLElement) => el.scrollTop - Math.min(top.current, el.scrollHeight - el.clientHeight);
  const restore = () => {
    const el = box.current;
    if (!el) return;
    const by = strayed(el); // the event of that is still to come
    if (ends.current) {
      if (by < 0) return;
      el.scrollTop = el.scrollHeight;
    } else if (anchor.current) {
      const child = inner.current!.querySelector<HTMLElement>(`[data-key="${CSS.escape(anchor.current.key)}"]`);
      if (child) {
        el.scrollTop = child.offsetTop - anchor.current.offset + by;
        anchor.current.offset = child.offsetTop - el.scrollTop;
      }
    }
    top.current = el.scrollTop;
    reach();
  };
  /** Loads more at an edge that is near; at the very edge no scrolling would ask for it. */
  const reach = () => {
    const el = box.current!;
    if (timeline.state.value !== 'ready') return;
    if (el.scrollTop < near) void timeline.more('before');
    if (el.scrollHeight - el.scrollTop - el.clientHeight < near) void timeline.more('after');
  };
  const scrolled = () => {
    const el = box.current;
    if (!el) return; // it came late, and the conversation was left
    if (ends.current && strayed(el) > -1) return restore(); // something may have grown since it was scrolled
    remember();
    reach();
  };
  const ready = timeline.state.value === 'ready';
  /** Shows what came since somebody was here, or the end. */
  const begin = () => {
    const mark = inner.current!.querySelector<HTMLElement>('[data-key="new"]');
    const el = box.current!;
    opened.current = true;
    if (mark && mark.offsetTop < el.scrollHeight - el.clientHeight) el.scrollTop = mark.offsetTop - el.clientHeight / 4;
    else restore();
    remember();
  };
  useLayoutEffect(() => (ready && !opened.current ? begin : restore)());
  useLayoutEffect(() => {
    const observer = new ResizeObserver(restore);
    observer.observe(box.current!);
    observer.observe(inner.current!);
    return () => observer.disconnect();
  }, []);
  const { id, n } = timeline.target.value;
  useLayoutEffect(() => {
    if (!n) return;
    const child = inner.current?.querySelector<HTMLElement>(`[data-key="${CSS.escape(id)}"]`);
    if (!child || !box.current) return;
    if (!timeline.moreAfter.value && id === timeline.messages.value.at(-1)?.id) {
      timeline.atEnd = ends.current = true;
      setEnd(true);
      top.current = 0;
      return restore();
    }
    child.scrollIntoView({ block: 'center' });
    child.classList.remove('flash');
    void child.offsetWidth;
    child.classList.add('flash');
    remember();
  }, [n, ready]);
  return { box, inner, scrolled, end };
}
