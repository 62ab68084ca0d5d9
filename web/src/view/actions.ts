// SPDX-License-Identifier: AGPL-3.0-or-later

// What can be done with conversations and messages, for menus and keys.

import type { Conversation, Message } from '../core/api.gen';
import { reference, type App } from '../model/app';
import { duration, t } from '../model/i18n';
import { unlinked } from '../model/mention';
import { muteEnd, muteLengths, muteUntil } from '../model/mute';
import { localPrefix } from '../model/timeline';
import { preview } from './side';
import type { Item } from './menu';
import type { Way } from './swipe';

export const quickEmoji = ['👍', '❤️', '😂', '😮', '😢', '🙏'];

export function conversationItems(app: App, c: Conversation): Item[] {
  if (c.status === 'request') return [{ icon: 'trash', label: t('delete-conversation'), danger: true, run: () => confirmDelete(app, c) }];
  const items: Item[] = [pinItem(app, c), muteItem(app, c), archiveItem(app, c)];
  if (c.group && c.status === 'active') items.push({ icon: 'out', label: t('leave'), danger: true, run: () => confirmLeave(app, c) });
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
  return { icon: c.pinned ? 'pinOff' : 'pin', label: t(c.pinned ? 'unpin' : 'pin'), run: () => app.attempt(() => app.core.call('pin', { conversation: c.id, on: !c.pinned })) };
}

function archiveItem(app: App, c: Conversation): Item {
  return { icon: c.archived ? 'archiveOut' : 'archive', label: t(c.archived ? 'unarchive' : 'to-archive'), run: () => archive(app, c) };
}

function muteItem(app: App, c: Conversation): Item {
  const now = app.around.now();
  const set = (time: number) => void app.attempt(() => app.core.call('mute', { conversation: c.id, time }));
  if (c.mutedUntil > now) return { icon: 'bell', label: t('unmute'), text: muteEnd(c.mutedUntil, now), run: () => set(0) };
  const lengths = muteLengths.map((length): Item => ({ icon: 'bellOff', label: length === Infinity ? t('mute.always') : duration(length), run: () => set(muteUntil(length, app.around.now())) }));
  return { icon: 'bellOff', label: t('mute'), run: () => undefined, more: lengths };
}

async function archive(app: App, c: Conversation): Promise<void> {
  const set = (on: boolean) => app.attempt(() => app.core.call('archive', { conversation: c.id, on }));
  if (!(await set(!c.archived)) || c.archived) return;
  app.toasts.add(t('archived'), { label: t('undo'), run: () => void set(false) });
  app.around.later(() => app.toasts.list.value.filter((x) => x.text === t('archived')).forEach((x) => app.toasts.dismiss(x.key)), 6000);
}

export function confirmLeave(app: App, c: Conversation): void {
  app.sheet.value = {
    kind: 'confirm', title: t('leave.title', { name: c.name }), text: t('leave.text'), action: t('leave'), danger: true, of: { conversation: c.id },
    run: () => app.core.call('leave', { conversation: c.id }).then(() => undefined),
  };
}

export function confirmDelete(app: App, c: Conversation): void {
  app.sheet.value = {
    kind: 'confirm', title: t('delete-conversation.title', { name: c.name }), text: t('delete-conversation.text'), action: t('delete'), danger: true, of: { conversation: c.id },
    run: async () => {
      if (writable(c)) await app.core.call('leave', { conversation: c.id }); // what goes on cannot be deleted
      await app.core.call('deleteConversation', { conversation: c.id });
    },
  };
}

export function confirmErase(app: App): void {
  app.sheet.value = {
    kind: 'confirm', title: t('erase.title'), text: t('erase.text'), action: t('erase.action'), danger: true,
    run: async () => app.enter(await app.core.call('erase', {})),
  };
}

export function confirmBlock(app: App, address: string, name: string): void {
  app.sheet.value = {
    kind: 'confirm', title: t('block.title', { name }), text: t('block.text'), action: t('block'), danger: true,
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
  if (m.id.startsWith(localPrefix)) return [{ icon: 'copy', label: t('copy'), run: () => void copy(app, unlinked(m)) }];
  if (m.state === 'failed') items.push({ icon: 'retry', label: t('try-again'), run: () => void app.attempt(() => core.call('retry', ref)) });
  if (m.state === 'waiting') items.push({ icon: 'close', label: t('take-back'), run: () => void app.attempt(() => core.call('cancel', ref)) });
  if (!m.deleted && writable(c)) items.push({ icon: 'reply', label: t('reply'), run: () => composer.answer(m) });
  if (m.own && !m.deleted && m.text && writable(c)) items.push({ icon: 'pencil', label: t('edit'), run: () => composer.edit(m) });
  if (!m.deleted && !m.notice) items.push({ icon: 'forward', label: t('forward'), run: () => void app.attempt(() => app.forward(m)) });
  if (m.text && !m.deleted) items.push({ icon: 'copy', label: t('copy'), run: () => void copy(app, unlinked(m)) });
  items.push({ icon: 'trash', label: t(m.own && !m.deleted && writable(c) ? 'delete' : 'forget'), danger: true, run: () => confirmRemove(app, c, m) });
  return items;
}

function confirmRemove(app: App, c: Conversation, m: Message): void {
  const ref = reference(m);
  const everywhere = m.own && !m.deleted && m.state !== 'failed' && writable(c);
  app.sheet.value = {
    kind: 'confirm', title: t(everywhere ? 'delete.title' : 'forget.title'), text: `${preview(m)}\n\n${t(everywhere ? 'delete.text' : 'forget.text')}`,
    action: t(everywhere ? 'delete' : 'forget'), danger: true, of: ref,
    run: () => app.core.call(everywhere ? 'delete' : 'forget', ref).then(() => undefined),
  };
}

export function react(app: App, m: Message, emoji: string): void {
  const mine = m.reactions.some((r) => r.emoji === emoji && r.from === app.session.value?.address);
  void app.attempt(() => app.core.call('react', { conversation: m.conversation, message: m.id, emoji, remove: mine }));
}

export async function copy(app: App, text: string): Promise<void> {
  try {
    await navigator.clipboard.writeText(text);
    app.toasts.add(t('copied'));
  } catch {
    app.toasts.add(t('copy.failed'));
  }
}
