// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Message, MessageRef } from '../core/api.gen';

/** What is sent to a conversation that somebody is about to choose. */
export interface Passed {
  text: string;
  files: File[];
  /** Whether pictures are sent as they are. */
  asFiles: boolean;
  of?: Subject;
}

/** What something is about: a conversation, or a message of it. It goes when that goes. */
export interface Subject {
  conversation: string;
  message?: string;
}

/** What floats above the page. */
export type Sheet =
  | { kind: 'palette' }
  | { kind: 'viewer'; message: Message; index: number }
  | { kind: 'verify'; address: string }
  | { kind: 'share' }
  | Question;

/** Asks before something is done that cannot be undone. */
export interface Question {
  kind: 'confirm';
  title: string;
  text: string;
  action: string;
  danger: boolean;
  of?: Subject;
  /** What else has to be chosen, and the values with their names. The first is chosen until another is. */
  choice?: { label: string; options: [value: string, name: string][] };
  run: (chosen: string) => Promise<void> | void;
}

export function reference(m: Message): MessageRef {
  return { conversation: m.conversation, message: m.id };
}

/** What a sheet is about, if it goes with something. */
export function subjectOf(sheet: Sheet | null): Subject | undefined {
  if (sheet?.kind === 'viewer') return reference(sheet.message);
  return sheet?.kind === 'confirm' ? sheet.of : undefined;
}
