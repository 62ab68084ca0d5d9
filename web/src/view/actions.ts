// SPDX-License-Identifier: AGPL-3.0-or-later

// What can be done with conversations and messages, for menus and keys.

import type { Conversation, Message } from '../core/api.gen';
import type { App } from '../model/app';
import { duration, t } from '../model/i18n';
import { unlinked } from '../model/mention';
import { muteEnd, muteLengths, muteUntil } from '../model/mute';
import { preview } from '../model/preview';
import { reference } from '../model/sheet';
import { harmless } from '../model/text';
import { localPrefix } from '../model/timeline';
import type { Item } from './menu';
import type { Way } from './swipe';

export const quickEmoji = ['👍', '❤️', '😂', '😮', '😢', '🙏'];

export function conversationItems(app: App, c: Conversation): Item[] {
  if (c.status === 'request')
    return [{ icon: 'trash', label: t('delete-conversation'), danger: true, run: () => confirmDelete(app, c) }];
  const items: Item[] = [pinItem(app, c), muteItem(app, c), archiveItem(app, c)];
  if (c.own || c.status === 'pending') return items; // notes stay, and so does what another device is bringing
  if (c.group && c.status === 'active')
    items.push({ icon: 'out', label: t('leave'), danger: true, run: () => app.attempt(() => confirmLeave(app, c)) });
  else items.push({ icon: 'trash', label: t('delete-conversation'), danger: true, run: () => confirmDelete(app, c) });
  return items;
}

/**
 * What a swipe on a row does: only what another swipe, or the note below,
 * takes back. To mute asks for how long, and so stays in the menu.
 */
export function conversationSwipes(app: App, c: Conversation): Partial<Record<Way, Item>> {
  return c.status === 'request' ? {} : { end: pinItem(app, c), start: archiveItem(app, c) };
}

function pinItem(app: App, c: Conversation): Item {
  return {
    icon: 'pin',
    label: t(c.pinned ? 'unpin' : 'pin'),
    run: () => app.attempt(() => app.core.call('pin', { conversation: c.id, on: !c.pinned })),
  };
}

function archiveItem(app: App, c: Conversation): Item {
  return { icon: 'archive', label: t(c.archived ? 'unarchive' : 'to-archive'), run: () => archive(app, c) };
}

function muteItem(app: App, c: Conversation): Item {
  const now = app.around.now();
  const set = (time: number) => void app.attempt(() => app.core.call('mute', { conversation: c.id, time }));
  if (c.mutedUntil > now)
    return { icon: 'bell', label: t('unmute'), text: muteEnd(c.mutedUntil, now), run: () => set(0) };
  const lengths = muteLengths.map((length): Item => ({
    icon: 'bellOff',
    label: length === Infinity ? t('mute.always') : duration(length),
    run: () => set(muteUntil(length, app.around.now())),
  }));
  return { icon: 'bellOff', label: t('mute'), run: () => undefined, more: lengths };
}

async function archive(app: App, c: Conversation): Promise<void> {
  const set = (on: boolean) => app.attempt(() => app.core.call('archive', { conversation: c.id, on }));
  if (!(await set(!c.archived)) || c.archived) return;
  app.toasts.add(t('archived'), { label: t('undo'), run: () => void set(false) });
  app.around.later(
    () => app.toasts.list.value.filter((x) => x.text === t('archived')).forEach((x) => app.toasts.dismiss(x.key)),
    6000,
  );
}

/** Asks before a group is left; its only owner says who owns it from then on. */
export async function confirmLeave(app: App, c: Conversation): Promise<void> {
  const { members, role } = await app.members(c.id);
  const others = members
    .filter((m) => !m.self)
    .sort((a, b) => Number(b.role === 'admin') - Number(a.role === 'admin') || a.name.localeCompare(b.name));
  const last = role === 'owner' && others.length > 0 && !others.some((m) => m.role === 'owner');
  app.sheet.value = {
    kind: 'confirm',
    title: t('leave.title', { name: c.name }),
    text: t('leave.text'),
    action: t('leave'),
    danger: true,
    of: { conversation: c.id },
    ...(last && {
      choice: { label: t('leave.owner'), options: others.map((m): [string, string] => [m.address, harmless(m.name)]) },
    }),
    run: (successor) => app.core.call('leave', { conversation: c.id, successor }).then(() => undefined),
  };
}

export function confirmDelete(app: App, c: Conversation): void {
  app.sheet.value = {
    kind: 'confirm',
    title: t('delete-conversation.title', { name: c.name }),
    text: t(writable(c) && !c.empty ? 'delete-conversation.leaves' : 'delete-conversation.text', { name: c.name }),
    action: t('delete'),
    danger: true,
    of: { conversation: c.id },
    run: async () => {
      if (writable(c)) await app.core.call('leave', { conversation: c.id, successor: '' }); // what goes on cannot be deleted
      await app.core.call('deleteConversation', { conversation: c.id });
    },
  };
}

/** What can be done with all requests. */
export function requestsItems(app: App, requests: Conversation[]): Item[] {
  const all = (blocks: boolean) => {
    app.sheet.value = {
      kind: 'confirm',
      title: t(blocks ? 'requests.block' : 'requests.delete'),
      text: t(blocks ? 'block.text' : 'requests.delete.text'),
      action: t(blocks ? 'block' : 'delete'),
      danger: true,
      run: () =>
        forEach(requests, async (c) => {
          if (blocks) await app.core.call('block', { address: c.inviter || c.peer });
          await app.core.call('deleteConversation', { conversation: c.id });
        }),
    };
  };
  return [
    { icon: 'trash', label: t('requests.delete'), danger: true, run: () => all(false) },
    { icon: 'ban', label: t('requests.block'), danger: true, run: () => all(true) },
  ];
}

/** Does something for each, whatever fails for some, and then says that it did. */
async function forEach<T>(all: T[], work: (one: T) => Promise<void>): Promise<void> {
  const failures: unknown[] = [];
  for (const one of all) await work(one).catch((e: unknown) => failures.push(e));
  if (failures.length) throw failures[0];
}

export function confirmErase(app: App): void {
  app.sheet.value = {
    kind: 'confirm',
    title: t('erase.title'),
    text: t('erase.text'),
    action: t('erase.action'),
    danger: true,
    ...(app.session.value?.registered &&
      !app.trouble.revoked && {
        choice: {
          label: t('erase.server'),
          options: [
            ['', t('erase.keep')],
            ['account', t('erase.account')],
          ],
        },
      }),
    run: async (chosen) => app.enter(await app.core.call('erase', { account: !!chosen })),
  };
}

export function confirmBlock(app: App, address: string, name: string): void {
  app.sheet.value = {
    kind: 'confirm',
    title: t('block.title', { name: name === address ? name : `${name} (${address})` }),
    text: t('block.text'),
    action: t('block'),
    danger: true,
    run: () => app.core.call('block', { address }).then(() => undefined),
  };
}

/** Whether something can be said in a conversation. */
export function writable(c: Conversation | undefined): boolean {
  return c?.status === 'active';
}

export function messageItems(app: App, c: Conversation, m: Message): Item[] {
  const { core } = app;
  const ref = reference(m);
  const composer = app.composer(m.conversation);
  const items: Item[] = [];
  if (m.id.startsWith(localPrefix))
    return [{ icon: 'copy', label: t('copy'), run: () => void app.whole(m).then((all) => copy(app, unlinked(all))) }];
  if (m.state === 'failed')
    items.push({ icon: 'retry', label: t('try-again'), run: () => void app.attempt(() => core.call('retry', ref)) });
  if (m.state === 'waiting')
    items.push({ icon: 'close', label: t('take-back'), run: () => void app.attempt(() => core.call('cancel', ref)) });
  if (!m.deleted && writable(c)) items.push({ icon: 'reply', label: t('reply'), run: () => composer.answer(m) });
  if (m.own && !m.deleted && m.text && writable(c))
    items.push({ icon: 'edit', label: t('edit'), run: () => composer.edit(m) });
  if (!m.deleted && !m.notice)
    items.push({ icon: 'forward', label: t('forward'), run: () => void app.attempt(() => app.forward(m)) });
  if (m.text && !m.deleted) items.push({ icon: 'copy', label: t('copy'), run: () => void copy(app, unlinked(m)) });
  items.push({
    icon: 'trash',
    label: t(m.own && !m.deleted && writable(c) ? 'delete' : 'forget'),
    danger: true,
    run: () => confirmRemove(app, c, m),
  });
  return items;
}

function confirmRemove(app: App, c: Conversation, m: Message): void {
  const ref = reference(m);
  const everywhere = m.own && !m.deleted && m.state !== 'failed' && writable(c);
  app.sheet.value = {
    kind: 'confirm',
    title: t(everywhere ? 'delete.title' : 'forget.title'),
    text: `${preview(m)}\n\n${t(everywhere ? 'delete.text' : 'forget.text')}`,
    action: t(everywhere ? 'delete' : 'forget'),
    danger: true,
    of: ref,
    run: () => app.core.call(everywhere ? 'delete' : 'forget', ref).then(() => undefined),
  };
}

export function react(app: App, m: Message, emoji: string): void {
  const mine = m.reactions.some((r) => r.emoji === emoji && r.from === app.session.value?.address);
  void app.attempt(() => app.core.call('react', { conversation: m.conversation, message: m.id, emoji, remove: mine }));
}

/** How long a secret may stay in the clipboard, in milliseconds. */
const secretTime = 6e4;

export async function copy(app: App, text: string, secret = false): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    app.toasts.add(t('copied'));
    if (secret) setTimeout(() => void uncopy(text), secretTime);
  } catch {
    app.toasts.add(t('copy.failed'));
  }
}

/** Empties the clipboard if it still holds a text. Browsers let a page look while it has the focus alone. */
async function uncopy(text: string): Promise<void> {
  if (!document.hasFocus()) return addEventListener('focus', () => void uncopy(text), { once: true });
  if ((await navigator.clipboard.readText().catch(() => '')) === text) await navigator.clipboard.writeText('');
}
