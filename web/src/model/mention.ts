// SPDX-License-Identifier: AGPL-3.0-or-later

// Mentions: an @ with a name of an address where people write, a link to the
// address in what is sent. What the reader calls somebody is in neither.

import type { Member, Message } from '../core/api.gen';
import { fold } from './text';

/** What follows an @ that begins a word. Where a mention ends is decided like the core does. */
const typed = /(^|[^\w[\u0080-\uffff])@([\w.:\u0080-\uffff-]+(?:@[\w.:[\]-]+)?)/g;
const links = /\[@([\w.-]+)\]\(mimi:\/\/([^\s/)]+)\/u\/\1\)/g;

/** What mentions somebody: the name of their address, or all of it where another one has that name, too. */
export function handle(address: string, all: string[]): string {
  const name = local(address);
  return all.some((a) => a !== address && local(a) === name) ? address : name;
}

function local(address: string): string {
  return address.slice(0, address.indexOf('@'));
}

/** The addresses among all that a text mentions. */
export function named(text: string, all: string[]): string[] {
  const found = new Set<string>();
  replaced(text, all, (address) => {
    found.add(address);
    return '';
  });
  return [...found];
}

/** A text with links in the place of what mentions some of all addresses. */
export function linked(text: string, all: string[]): string {
  return replaced(
    text,
    all,
    (address) => `[@${local(address)}](mimi://${address.slice(address.indexOf('@') + 1)}/u/${local(address)})`,
  );
}

/** A message's text as it was typed. */
export function unlinked({ text, mentions }: Pick<Message, 'text' | 'mentions'>): string {
  return text.replace(links, (_, name: string, host: string) => `@${handle(`${name}@${host}`, mentions)}`);
}

function replaced(text: string, all: string[], put: (address: string) => string): string {
  const known = new Map(
    all.flatMap((a) => [
      [a, a],
      [handle(a, all), a],
    ]),
  );
  return text.replace(typed, (whole: string, before: string, word: string) => {
    let name = word; // it may be the end of a sentence
    while (!known.has(name) && /[.:-]$/.test(name)) name = name.slice(0, -1);
    const address = known.get(name);
    return address ? before + put(address) + word.slice(name.length) : whole;
  });
}

/** The word behind an @ that ends at the cursor, or null. */
export function mentionAt(text: string, cursor: number): string | null {
  const found = /(?:^|[\s(])@([^\s@]{0,40})$/.exec(text.slice(0, cursor));
  return found ? found[1]! : null;
}

/** Members whose name or address fits what was typed behind an @. */
export function candidates(members: Member[], typed: string, most = 6): Member[] {
  const wanted = fold(typed);
  return members
    .filter(
      (m) =>
        !m.self &&
        (fold(m.name)
          .split(/\s+/)
          .some((w) => w.startsWith(wanted)) ||
          m.address.startsWith(wanted)),
    )
    .slice(0, most);
}
