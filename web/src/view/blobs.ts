// SPDX-License-Identifier: AGPL-3.0-or-later

// Addresses of attachments: made once, shared, and revoked when nobody has
// looked at them for a while.

import { useEffect, useState } from 'preact/hooks';
import type { Attachment, AttachmentRef, Message } from '../core/api.gen';
import type { App } from '../model/app';
import { useApp } from './parts';

interface Kept {
  url: string;
  blob: Blob;
  users: number;
}

/** How many addresses without a user are kept. */
const spare = 40;
const kept = new Map<string, Kept>();

export interface Loaded {
  url: string;
  blob: Blob | null;
  failed: boolean;
  again: () => void;
}

/** Loads an attachment while it is wanted. */
export function useAttachment(ref: AttachmentRef, wanted = true): Loaded {
  const app = useApp();
  const key = `${ref.conversation}/${ref.message}/${ref.index}`;
  const [state, set] = useState<{ key: string; have: Kept | null; failed: boolean }>({
    key,
    have: kept.get(key) ?? null,
    failed: false,
  });
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    if (!wanted || ref.message.startsWith('local-')) return;
    const stop = new AbortController();
    let held: Kept | null = null;
    fetchOnce(app, key, ref, stop.signal).then(
      (have) => {
        if (stop.signal.aborted) return;
        held = have;
        have.users++;
        set({ key, have, failed: false });
      },
      () => stop.signal.aborted || set({ key, have: null, failed: true }),
    );
    return () => {
      stop.abort();
      if (held) held.users--;
      sweep();
    };
  }, [key, wanted, attempt]);
  const have = state.key === key ? state.have : (kept.get(key) ?? null);
  return {
    url: have?.url ?? '',
    blob: have?.blob ?? null,
    failed: state.failed && !have,
    again: () => setAttempt(attempt + 1),
  };
}

/** Larger files, in bytes, are loaded when somebody asks for them. */
const unasked = 4 << 20;

/** An attachment that waits to be asked for if it is large, or comes from somebody who was not let in: their server learns when it is fetched. */
export function useOffered(m: Message, a: Attachment): Loaded & { waits: boolean; asked: boolean } {
  const { list } = useApp();
  const [asked, ask] = useState(false);
  const wanted = asked || (a.size <= unasked && list.get(m.conversation)?.status !== 'request');
  const loaded = useAttachment({ conversation: m.conversation, message: m.id, index: a.index }, wanted);
  const waits = !wanted && !loaded.url;
  return { ...loaded, waits, asked, again: waits ? () => ask(true) : loaded.again };
}

async function fetchOnce(app: App, key: string, ref: AttachmentRef, signal: AbortSignal): Promise<Kept> {
  const have = kept.get(key);
  if (have) return have;
  const blob = await app.attachment(ref, signal);
  signal.throwIfAborted(); // nobody would revoke it
  const other = kept.get(key);
  if (other) return other;
  const made = { url: URL.createObjectURL(blob), blob, users: 0 };
  kept.set(key, made);
  return made;
}

function sweep(): void {
  const idle = [...kept].filter(([, k]) => k.users <= 0);
  for (const [key, k] of idle.slice(0, Math.max(0, idle.length - spare))) {
    URL.revokeObjectURL(k.url);
    kept.delete(key);
  }
}
