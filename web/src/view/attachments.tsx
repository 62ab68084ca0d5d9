// SPDX-License-Identifier: AGPL-3.0-or-later

import { Fragment, h, type VNode } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { Attachment, Message } from '../core/api.gen';
import { size, t } from '../model/i18n';
import { harmless } from '../model/text';
import { fileKey } from '../model/transfers';
import { useOffered } from './blobs';
import { download, shape } from './media';
import { Button, FileName, Icon, useApp, type IconName } from './parts';
import { Voice } from './voice';

/** Kinds of pictures that browsers draw without running anything. */
const shown = /^image\/(jpeg|png|webp|gif|avif|bmp)$/;

export function isPicture(a: Attachment): boolean {
  return shown.test(a.type);
}

/** How many files of a message are drawn before somebody asks for all. */
const atFirst = 10;

export function Attachments({ m }: { m: Message }): VNode {
  const [all, showAll] = useState(false);
  const pictures = m.attachments.filter(isPicture);
  const files = m.attachments.filter((a) => !isPicture(a));
  const drawn = all ? files : files.slice(0, atFirst);
  const card = (a: Attachment) => <FileCard key={a.index} m={m} a={a} />;
  return (
    <>
      {pictures.length > 0 && <Grid m={m} pictures={pictures} />}
      {drawn.map((a) => (a.type.startsWith('audio/') ? <Voice key={a.index} m={m} a={a} card={card(a)} /> : card(a)))}
      {drawn.length < files.length && (
        <Button plain onClick={() => showAll(true)}>
          {t('files.all', { n: files.length })}
        </Button>
      )}
    </>
  );
}

function Grid({ m, pictures }: { m: Message; pictures: Attachment[] }): VNode {
  const four = pictures.slice(0, 4);
  const more = pictures.length - four.length;
  return (
    <div class={`grid n${four.length}`}>
      {four.map((a, i) => (
        <Picture key={a.index} m={m} a={a} alone={four.length === 1} more={i === 3 ? more : 0} />
      ))}
    </div>
  );
}

function Picture({ m, a, alone, more }: { m: Message; a: Attachment; alone: boolean; more: number }): VNode {
  const app = useApp();
  const loaded = useOffered(m, a);
  const [none, setNone] = useState(false);
  const again = loaded.failed || loaded.waits;
  const { width, height } = shape(a.name);
  const ratio = Math.min(2, Math.max(0.6, width / height));
  const open = () => (again ? loaded.again() : (app.sheet.value = { kind: 'viewer', message: m, index: a.index }));
  if (none) return <FileCard m={m} a={a} />;
  return (
    <button
      type="button"
      class="picture"
      style={alone ? { aspectRatio: String(ratio), '--ratio': String(ratio) } : {}}
      aria-label={t(again ? 'picture.again' : 'picture.open') + (more ? ` +${more}` : '')}
      onClick={open}
    >
      {loaded.url && <img src={loaded.url} alt="" draggable={false} onError={() => setNone(true)} />}
      {again && (
        <span class="over">
          <Icon name={loaded.failed ? 'retry' : 'download'} />
        </span>
      )}
      {more > 0 && <span class="over more ltr">+{more}</span>}
      <Ring m={m} a={a} />
    </button>
  );
}

/** How much has gone up or come down. */
export function Ring({ m, a }: { m: Message; a: Attachment }): VNode | null {
  const part = useApp().transfers.progress.value[fileKey(m.id, a.index)];
  if (part === undefined) return null;
  return (
    <svg class="ring" viewBox="0 0 36 36" role="img" aria-label={`${Math.round(part * 100)} %`}>
      <circle cx="18" cy="18" r="15" />
      <circle cx="18" cy="18" r="15" pathLength="100" stroke-dasharray={`${Math.max(2, part * 100)} 100`} />
    </svg>
  );
}

function sign(a: Attachment): IconName {
  if (a.type.startsWith('video/')) return 'play';
  if (/zip|tar|compress/.test(a.type)) return 'archive';
  if (/pdf|text|document|markdown/.test(a.type)) return 'fileText';
  return 'file';
}

function FileCard({ m, a }: { m: Message; a: Attachment }): VNode {
  const app = useApp();
  const [busy, setBusy] = useState(false);
  const stop = useRef<AbortController | null>(null);
  const under = app.transfers.progress.value[fileKey(m.id, a.index)] !== undefined;
  const cancel = () =>
    stop.current
      ? stop.current.abort()
      : void app.attempt(() => app.core.call('cancel', { conversation: m.conversation, message: m.id }));
  const get = async () => {
    if (busy) return cancel();
    stop.current = new AbortController();
    setBusy(true);
    await app.attempt(async () => {
      const blob = await app
        .attachment({ conversation: m.conversation, message: m.id, index: a.index }, stop.current!.signal)
        .catch((e) => {
          if (stop.current?.signal.aborted) return null;
          throw e;
        });
      if (blob) download(blob, a.name);
    });
    stop.current = null;
    setBusy(false);
  };
  const name = harmless(a.name);
  const going = busy || (under && m.state === 'waiting');
  return (
    <button type="button" class="file-card" onClick={() => (going ? cancel() : void get())} title={name}>
      <span class="visually-hidden">{t(going ? 'cancel' : 'save-file')}: </span>
      <span class="glyph">
        <Icon name={going ? 'close' : sign(a)} />
        <Ring m={m} a={a} />
      </span>
      <span class="body">
        <b class="name">
          <FileName of={name} />
        </b>
        <span class="figures">{size(a.size)}</span>
      </span>
      {!going && <Icon name="download" size="small" />}
    </button>
  );
}
