// SPDX-License-Identifier: AGPL-3.0-or-later

// The first pane: conversations, and the lists that take their place.

import { Fragment, h, type VNode } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Conversation, Message } from '../core/api.gen';
import { brief, number, t } from '../model/i18n';
import type { List } from '../model/list';
import { preview } from '../model/preview';
import { link, type Route } from '../model/route';
import { harmless, plain } from '../model/text';
import { conversationItems, conversationSwipes, requestsItems } from './actions';
import { longPress, openMenu } from './menu';
import { NewConversation, NewGroup } from './new';
import {
  Avatar,
  Bar,
  Button,
  Empty,
  Icon,
  IconButton,
  Kept,
  Name,
  Seal,
  Skeletons,
  rove,
  useApp,
  useNow,
} from './parts';
import { SettingsMenu } from './settings-pane';
import { useSwipe } from './swipe';
import { Ticks } from './ticks';

export function Side(): VNode {
  const { router, list } = useApp();
  const route = router.route.value;
  const [home, setHome] = useState<Route>(route);
  const beside = route.at === 'conversation' || route.at === 'person';
  const done = home.at === 'new' || home.at === 'new-group' || (home.at === 'requests' && !list.requests.value.length);
  useEffect(() => {
    if (!beside) setHome(route);
    else if (done) setHome({ at: 'home' });
  }, [route, done]);
  const shown = beside ? home : route;
  return (
    <nav class="side" aria-label={t('conversations')}>
      {column(shown)}
    </nav>
  );
}

/** The column of a route that has one; of all others the list. */
function column(shown: Route): VNode {
  if (shown.at === 'settings') return <SettingsMenu />;
  if (shown.at === 'new') return <NewConversation key={shown.address} address={shown.address} />;
  if (shown.at === 'new-group') return <NewGroup />;
  if (shown.at === 'requests' || shown.at === 'archive') return <Shelf kind={shown.at} />;
  return <Home />;
}

function Home(): VNode {
  const app = useApp();
  const { list, router } = app;
  return (
    <>
      <Bar title={t('app')} large>
        <IconButton icon="settings" label={t('settings')} onClick={() => router.go({ at: 'settings', section: '' })} />
        <IconButton icon="edit" label={t('new')} onClick={() => router.go({ at: 'new', address: '' })} />
      </Bar>
      <Find />
      <Arriving />
      {rows(list)}
    </>
  );
}

/** How much of the history has come from another device. */
function Arriving(): VNode | null {
  const moved = useApp().history.value;
  if (!moved || moved.given) return null;
  const text = t('arriving', { done: number(moved.done), all: number(moved.total) });
  return (
    <div class="arriving">
      <p class="hint">{text}</p>
      <progress class="meter" aria-label={text} max={moved.total} value={moved.done} />
    </div>
  );
}

/** The rows of the list, or what stands in their place. */
function rows(list: List): VNode {
  if (list.state.value === 'loading' && !list.sorted.value.length) return <Skeletons />;
  return list.state.value === 'failed' ? <Failed /> : <HomeRows />;
}

function Failed(): VNode {
  const app = useApp();
  return (
    <Empty icon="failed" title={t('list.failed')} text={t('list.failed.text')}>
      <Button onClick={() => void app.load()}>{t('try-again')}</Button>
    </Empty>
  );
}

function Find(): VNode {
  const { list } = useApp();
  return (
    <div class="find">
      <Icon name="search" />
      <input
        class="input"
        type="search"
        aria-label={t('search')}
        placeholder={t('search')}
        value={list.query.value}
        onInput={(e) => (list.query.value = e.currentTarget.value)}
        onKeyDown={(e) => {
          if (e.key === 'Escape' && list.query.value) {
            e.stopPropagation();
            list.query.value = '';
          } else if (e.key === 'ArrowDown') {
            e.preventDefault();
            document.querySelector<HTMLElement>('.side .row')?.focus();
          }
        }}
      />
      {list.query.value && <IconButton icon="close" label={t('clear')} onClick={() => (list.query.value = '')} />}
    </div>
  );
}

function HomeRows(): VNode {
  const { list, router, session } = useApp();
  const rows = list.main.value;
  const query = list.query.value.trim();
  const requests = query ? [] : list.requests.value;
  if (!query && !rows.length && !requests.length && !list.archived.value.length) {
    return (
      <Empty icon="inbox" title={t('list.empty')} text={t('list.empty.text')}>
        <p class="code-line ltr">{session.value?.address}</p>
        <ShareButton />
        <Button primary onClick={() => router.go({ at: 'new', address: '' })}>
          {t('new')}
        </Button>
      </Empty>
    );
  }
  return (
    <Rows
      rows={rows}
      head={requests.length > 0 ? 1 : 0}
      foot={query ? <Found query={query} none={!rows.length} /> : <ArchiveRow />}
    >
      {requests.length > 0 && <RequestsRow requests={requests} />}
    </Rows>
  );
}

function ShareButton(): VNode {
  const app = useApp();
  return <Button onClick={() => (app.sheet.value = { kind: 'share' })}>{t('share.yours')}</Button>;
}

function RequestsRow({ requests }: { requests: Conversation[] }): VNode {
  const { router } = useApp();
  return (
    <Place
      icon="inbox"
      title={t('requests')}
      text={requests.map((c) => harmless(c.name)).join(', ')}
      count={requests.length}
      onClick={() => router.go({ at: 'requests' })}
    />
  );
}

function ArchiveRow(): VNode | null {
  const { list, router } = useApp();
  const n = list.archived.value.length;
  return n ? (
    <Place
      icon="archive"
      title={t('archive')}
      text={t('archive.count', { n })}
      onClick={() => router.go({ at: 'archive' })}
    />
  ) : null;
}

function Place(p: {
  icon: 'inbox' | 'archive';
  title: string;
  text: string;
  count?: number;
  onClick: () => void;
}): VNode {
  return (
    <button type="button" class="row" onClick={p.onClick}>
      <span class="glyph">
        <Icon name={p.icon} />
      </span>
      <span class="body">
        <span class="name">{p.title}</span>
        <span class="line">
          <span class="preview clip">
            <bdi>{p.text}</bdi>
          </span>
          {p.count && <span class="badge">{number(p.count)}</span>}
        </span>
      </span>
    </button>
  );
}

function Shelf({ kind }: { kind: 'requests' | 'archive' }): VNode {
  const app = useApp();
  const { list, router } = app;
  const rows = (kind === 'requests' ? list.requests : list.archived).value;
  return (
    <>
      <Bar title={t(kind)} back={() => router.go({ at: 'home' })} keepBack>
        {kind === 'requests' && rows.length > 0 && (
          <IconButton
            icon="more"
            label={t('actions')}
            menu
            onClick={(e) => openMenu(e.currentTarget as Element, requestsItems(app, rows))}
          />
        )}
      </Bar>
      {rows.length ? (
        <Rows rows={rows} head={0} foot={null} />
      ) : (
        <Empty icon={kind === 'requests' ? 'inbox' : 'archive'} title={t(`${kind}.empty`)} text={t(`${kind}.text`)} />
      )}
    </>
  );
}

const rowRem = 4;
/** How many rows beyond those in view exist, for scrolling. */
const spare = 6;

/** Rows of one height, of which only those in view exist. */
function Rows(p: { rows: Conversation[]; head: number; foot: VNode | null; children?: VNode | false }): VNode {
  const { router } = useApp();
  const now = useNow();
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: innerHeight, rem: 16 });
  const [beyond, setBeyond] = useState(0);
  useEffect(() => setBeyond(spare), []); // once those in view have been painted
  const look = () => {
    const el = box.current;
    if (el)
      setView({
        top: el.scrollTop,
        height: el.clientHeight,
        rem: parseFloat(getComputedStyle(document.documentElement).fontSize),
      });
  };
  useLayoutEffect(() => {
    look();
    const observer = new ResizeObserver(look);
    observer.observe(box.current!);
    return () => observer.disconnect();
  }, []);
  const height = rowRem * view.rem;
  const first = Math.max(0, Math.floor(view.top / height) - beyond);
  const last = Math.min(p.rows.length, Math.ceil((view.top + view.height) / height) + beyond);
  const route = router.route.value;
  const current = route.at === 'conversation' ? route.id : '';
  const stop = p.rows.slice(first, last).some((c) => c.id === current) ? current : p.rows[first]?.id;
  return (
    <div class="scroll" ref={box} onScroll={look} onKeyDown={(e) => rove(e, '.row')}>
      {p.children && <div class="rows">{p.children}</div>}
      <div class="rows" style={{ height: `${p.rows.length * rowRem}rem` }} role="list" aria-label={t('conversations')}>
        {p.rows.slice(first, last).map((c, i) => (
          <Kept
            key={c.id}
            on={[c, now, first + i, p.rows.length, c.id === current, c.id === stop]}
            draw={() => (
              <div role="listitem" aria-setsize={p.rows.length} aria-posinset={first + i + 1}>
                <ConversationRow
                  c={c}
                  now={now}
                  y={(first + i) * rowRem}
                  current={c.id === current}
                  stop={c.id === stop}
                />
              </div>
            )}
          />
        ))}
      </div>
      {p.foot && <div class="rows">{p.foot}</div>}
    </div>
  );
}

function ConversationRow(p: { c: Conversation; now: number; y: number; current: boolean; stop: boolean }): VNode {
  const app = useApp();
  const { c } = p;
  const muted = c.mutedUntil > p.now;
  const menu = (e: MouseEvent) => openMenu(e, conversationItems(app, c));
  const swipes = conversationSwipes(app, c);
  const { pulled, handlers } = useSwipe({ end: swipes.end?.run, start: swipes.start?.run });
  return (
    <div class="slot" style={{ '--y': `${p.y}rem` }} onContextMenu={menu} {...longPress(menu)}>
      {pulled && (
        <span class={`under ${pulled}`}>
          <Icon name={swipes[pulled]!.icon} />
        </span>
      )}
      <a
        class={`row ${c.unread ? 'unread' : ''}`}
        href={link({ at: 'conversation', id: c.id, panel: false })}
        tabIndex={p.stop ? 0 : -1}
        aria-current={p.current ? 'page' : undefined}
        onClick={(e) => {
          if (e.ctrlKey || e.metaKey || e.shiftKey) return;
          e.preventDefault();
          app.router.go({ at: 'conversation', id: c.id, panel: false });
        }}
        {...handlers}
      >
        <Avatar name={c.name} address={c.peer || c.id} group={c.group} own={c.own} />
        <span class="body">
          <span class="line">
            <Name of={c.name} class="name clip" />
            {c.verified && !c.group && <Seal />}
            {muted && <Icon name="bellOff" size="tiny" />}
            <time class="when">{c.activity ? brief(c.activity, p.now) : ''}</time>
          </span>
          <span class="line">
            <Preview c={c} />
            {c.pinned && !c.unread && <Icon name="pin" size="tiny" />}
            {c.mentioned && (
              <span class={`badge at-me`}>
                <Icon name="at" size="tiny" />
              </span>
            )}
            {c.unread > 0 && (
              <span class={`badge ${muted ? 'muted' : ''}`}>
                <span class="visually-hidden">{t('unread', { n: c.unread })}</span>
                <span aria-hidden="true">{c.unread > 999 ? '999+' : number(c.unread)}</span>
              </span>
            )}
            {!c.unread && c.last?.own && !c.draft && <Ticks m={c.last} />}
          </span>
        </span>
      </a>
    </div>
  );
}

function Preview({ c }: { c: Conversation }): VNode {
  const { typing } = useApp();
  const writing = Object.values(typing.people.value[c.id] ?? {});
  if (writing.length)
    return (
      <span class="preview clip">
        <b>{t('typing')}</b>
      </span>
    );
  if (c.draft)
    return (
      <span class="preview said">
        <em>{t('draft')}</em> <bdi class="clip">{plain(c.draft)}</bdi>
      </span>
    );
  if (c.status === 'removed' && !c.group) return <span class="preview clip">{t('notice.left', { name: c.name })}</span>;
  if (!['active', 'request', 'pending'].includes(c.status))
    return <span class="preview clip">{t(`status.${c.status as 'left'}`)}</span>;
  if (!c.last)
    return (
      <span class="preview clip">
        {c.status === 'request' ? t('request.from', { name: c.inviter }) : t('no-messages')}
      </span>
    );
  const who = speaker(c.last, c.group);
  return (
    <span class="preview said">
      {who && (
        <>
          <span class="clip">{t('said', { name: who })}</span>{' '}
        </>
      )}
      <bdi class="clip">{preview(c.last)}</bdi>
    </span>
  );
}

/** Who is named before a message in the list; nobody where that is clear. */
function speaker(m: Message, group: boolean): string {
  if (m.notice) return '';
  if (m.own) return t('you');
  return group ? m.author : '';
}

/** Messages that hold what was searched for. */
function Found({ query, none }: { query: string; none: boolean }): VNode | null {
  const app = useApp();
  const found = app.search.found.value;
  useEffect(() => {
    const timer = setTimeout(() => void app.search.ask(query), 150);
    return () => {
      clearTimeout(timer);
      app.search.clear();
    };
  }, [query]);
  if (!found) return <Skeletons n={3} />;
  if (!found.length) return none ? <Empty icon="search" title={t('search.none')} text={t('search.none.text')} /> : null;
  return (
    <>
      <h2 class="section">{t('messages')}</h2>
      {found.map((m) => (
        <FoundRow key={m.id} m={m} />
      ))}
    </>
  );
}

function FoundRow({ m }: { m: Message }): VNode {
  const app = useApp();
  const c = app.list.get(m.conversation);
  const open = () => {
    app.router.go({ at: 'conversation', id: m.conversation, panel: false });
    void app.timeline(m.conversation).jump(m.id);
  };
  return (
    <button type="button" class="row" onClick={open}>
      <Avatar
        name={c?.name ?? m.author}
        address={c?.peer || m.conversation}
        group={c?.group ?? false}
        own={c?.own ?? false}
      />
      <span class="body">
        <span class="line">
          <Name of={c?.name ?? m.author} class="name clip" />
          <time class="when">{brief(m.sentAt, app.around.now())}</time>
        </span>
        <span class="preview clip">
          <bdi>{preview(m)}</bdi>
        </span>
      </span>
    </button>
  );
}
