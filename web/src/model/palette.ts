// SPDX-License-Identifier: AGPL-3.0-or-later

import { fold } from './text';

export interface Command {
  id: string;
  title: string;
  /** A second line: an address, a place. */
  hint: string;
  kind: 'conversation' | 'person' | 'action';
  run: () => void;
}

/** The commands that fit a query, the best first. Words may come in any order. */
export function rank(commands: Command[], query: string, most = 50): Command[] {
  const words = fold(query).split(/\s+/).filter(Boolean);
  const scored: [number, Command][] = [];
  for (const c of commands) {
    const s = score(c, words);
    if (s >= 0) scored.push([s, c]);
  }
  return scored
    .sort((a, b) => b[0] - a[0])
    .slice(0, most)
    .map(([, c]) => c);
}

function score(c: Command, words: string[]): number {
  const title = fold(c.title);
  const hint = fold(c.hint);
  let sum = 0;
  for (const w of words) {
    if (title.startsWith(w)) sum += 4;
    else if (title.includes(` ${w}`)) sum += 3;
    else if (title.includes(w)) sum += 2;
    else if (hint.includes(w)) sum += 1;
    else return -1;
  }
  return sum;
}
