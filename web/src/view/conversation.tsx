// SPDX-License-Identifier: AGPL-3.0-or-later

import { Fragment, h, type VNode } from 'preact';
import { useEffect, useMemo } from 'preact/hooks';
import type { Conversation } from '../core/api.gen';
import { duration, t } from '../model/i18n';
import { told } from '../model/problem';
import { confirmBlock, confirmDelete, conversationItems, writable } from './actions';
import { ComposerView } from './composer';
import { openMenu } from './menu';
import { Avatar, Bar, Button, Empty, Icon, IconButton, Name, Seal, Skeletons, useApp, useWork, Problem } from './parts';
import { TimelineView } from './timeline';

export function ConversationPane({ id }: { id: string }): VNode {
  const app = useApp();
  const c = app.list.get(id);
  const state = app.list.state.value;
  useMemo(() => {
    if (!c?.unread) app.timeline(id).firstUnread.value = ''; // it was read elsewhere
  }, [id]);
  useEffect(() => {
    const timeline = app.timeline(id);
    if (timeline.state.value !== 'ready') void timeline.open();
    return () => {
      timeline.firstUnread.value = '';
      void app
        .composer(id)
        .save()
        .catch(() => undefined);
    };
  }, [id]);
  if (!c) {
    const back = () => app.router.back();
    if (state === 'ready')
      return (
        <>
          <Bar title={t('gone')} back={back} />
          <Empty icon="inbox" title={t('gone')} text={t('gone.text')} />
        </>
      );
    return (
      <>
        <header class="bar">
          <IconButton icon="back" label={t('back')} onClick={back} mirrors class="back" />
          <h1 class="visually-hidden">{t('loading')}</h1>
        </header>
        <Skeletons n={5} />
      </>
    );
  }
  return (
    <>
      <Head c={c} />
      <Trouble c={c} />
      <TimelineView key={id} c={c} timeline={app.timeline(id)} />
      <Awaited c={c} />
      {writable(c) && !app.trouble.revoked ? <ComposerView key={id} c={c} /> : <Closed c={c} />}
    </>
  );
}

function Head({ c }: { c: Conversation }): VNode {
  const app = useApp();
  const { router } = app;
  const route = router.route.value;
  const panel = route.at === 'conversation' && route.panel;
  const second = useSecond(c);
  return (
    <header class="bar">
      <IconButton icon="back" label={t('back')} onClick={() => router.back()} mirrors class="back" />
      <h1 class="visually-hidden" tabIndex={-1}>
        <Name of={c.name} />
      </h1>
      <button
        type="button"
        class="who"
        aria-expanded={panel}
        onClick={() => router.go({ at: 'conversation', id: c.id, panel: !panel })}
      >
        <Avatar name={c.name} address={c.peer || c.id} group={c.group} own={c.own} size="s36" />
        <span class="visually-hidden">{t('details.of', { name: c.name })} </span>
        <span class="body">
          <span class="line">
            <b class="title clip">
              <Name of={c.name} />
            </b>
            {c.verified && !c.group && <Seal />}
          </span>
          {second.text && (
            <span class={`second clip ${second.typing ? 'typing' : ''}`}>
              <bdi>{second.text}</bdi>
            </span>
          )}
        </span>
      </button>
      <IconButton
        icon="more"
        label={t('actions')}
        menu
        onClick={(e) => openMenu(e.currentTarget as Element, conversationItems(app, c))}
      />
    </header>
  );
}

/** The quiet line under the name. */
function useSecond(c: Conversation): { text: string; typing: boolean } {
  const { typing } = useApp();
  const names = Object.values(typing.people.value[c.id] ?? {});
  if (names.length)
    return { text: c.group ? t('typing.who', { n: names.length, name: names[0]! }) : t('typing'), typing: true };
  if (!c.group && c.status === 'removed') return { text: t('notice.left', { name: c.name }), typing: false };
  if (c.status !== 'active' && c.status !== 'request')
    return { text: t(`status.${c.status as 'left'}`), typing: false };
  const facts = [
    c.group && c.members > 0 && t('members', { n: c.members }),
    !c.group && c.verified && t('verified'),
    c.timer > 0 && t('disappear', { time: duration(c.timer) }),
  ].filter(Boolean);
  const who = c.own ? t('notes.text') : c.peer;
  return { text: facts.join(' · ') || (c.name === c.peer ? '' : who), typing: false };
}

/** Why nothing has come back for what was written first. */
function Awaited({ c }: { c: Conversation }): VNode | null {
  const app = useApp();
  const said = app.timeline(c.id).messages.value.filter((m) => !m.notice);
  const away = c.members < 2; // not even the invitation is with them
  if (!c.unanswered || !said.length || said.some((m) => !m.own || m.delivered) || (away && app.cut.value)) return null;
  return (
    <p class={`awaited hint ${away ? 'late' : ''}`} role="status">
      {t(away ? 'awaits.server' : 'awaits.person', { name: c.name, server: c.peer.split('@')[1]! })}
    </p>
  );
}

/** What needs an answer stays until it has one. */
function Trouble({ c }: { c: Conversation }): VNode | null {
  const { problems } = useApp();
  const text = c.status === 'stopped' ? '' : problems.value[c.id];
  if (!text) return null;
  const dismiss = () => {
    const { [c.id]: _, ...rest } = problems.value;
    problems.value = rest;
  };
  return (
    <div class="strip caution" role="alert">
      <Icon name="failed" size="small" />
      <span>{text}</span>
      <IconButton icon="close" label={t('close')} onClick={dismiss} />
    </div>
  );
}

/** What stands in place of the composer where nothing can be written. */
function Closed({ c }: { c: Conversation }): VNode {
  const app = useApp();
  const work = useWork();
  if (app.trouble.revoked || c.status === 'pending')
    return <p class="closed">{t(app.trouble.revoked ? 'error.revoked' : 'pending.text')}</p>;
  if (c.status === 'request') return <Request c={c} />;
  if (c.status === 'blocked') {
    return (
      <footer class="closed">
        <p>{t('blocked.text', { name: c.name })}</p>
        <Problem text={work.problem} />
        <div class="actions">
          <Button
            disabled={work.busy}
            onClick={() =>
              void work.run(() => app.core.call('unblock', { address: c.peer }).then(() => app.write(c.peer)))
            }
          >
            {t('unblock')}
          </Button>
        </div>
      </footer>
    );
  }
  const stopped = c.status === 'stopped';
  const left = !c.group && c.status === 'removed';
  const lost = !c.group && c.status === 'lost'; // nobody could add this account again
  const why = () => {
    if (stopped) return t('stopped.text');
    if (left) return t('notice.left', { name: c.name });
    return t(lost ? 'closed.lost.person' : `closed.${c.status as 'left'}`);
  };
  return (
    <div class={`closed ${stopped ? 'stop' : ''}`} role={stopped ? 'alert' : undefined}>
      {stopped && <Icon name="shieldOff" size="large" />}
      <p>{why()}</p>
      {c.reason && !lost && <p class="hint">{told(c.reason)}</p>}
      <Problem text={work.problem} />
      <div class="actions">
        {(left || lost) && (
          <Button primary disabled={work.busy} onClick={() => void work.run(() => app.write(c.peer))}>
            {t('write')}
          </Button>
        )}
        {stopped && c.peer && (
          <Button primary onClick={() => (app.sheet.value = { kind: 'verify', address: c.peer })}>
            {t('compare-codes')}
          </Button>
        )}
        <Button onClick={() => confirmDelete(app, c)}>{t('delete-conversation')}</Button>
      </div>
    </div>
  );
}

function Request({ c }: { c: Conversation }): VNode {
  const app = useApp();
  const work = useWork();
  const who = c.inviter || c.peer;
  return (
    <footer class="closed request">
      <p>{t(c.group ? 'request.group' : 'request.text', { name: c.group ? who : c.name })}</p>
      <p class="hint">{t(c.confirmed ? 'request.hint' : 'request.claim')}</p>
      <Problem text={work.problem} />
      <div class="actions">
        <Button danger disabled={work.busy} onClick={() => confirmBlock(app, who, c.group ? who : c.name)}>
          {t('block')}
        </Button>
        <Button disabled={work.busy} onClick={() => confirmDelete(app, c)}>
          {t('delete')}
        </Button>
        <Button
          primary
          disabled={work.busy}
          onClick={() => void work.run(() => app.core.call('accept', { conversation: c.id }))}
        >
          {t('accept')}
        </Button>
      </div>
    </footer>
  );
}
