// SPDX-License-Identifier: AGPL-3.0-or-later

import { Fragment, h, type VNode } from 'preact';
import { useLayoutEffect, useState } from 'preact/hooks';
import type { Attachment, Message } from '../core/api.gen';
import { moment, t } from '../model/i18n';
import { isPicture } from './attachments';
import { useAttachment } from './blobs';
import { download } from './media';
import { Button, Dialog, IconButton, Name, useApp } from './parts';

/** Pictures of a message, one at a time, by keys or buttons. */
export function Viewer({ m, index }: { m: Message; index: number }): VNode {
  const app = useApp();
  const pictures = m.attachments.filter(isPicture);
  const [at, setAt] = useState(
    Math.max(
      0,
      pictures.findIndex((a) => a.index === index),
    ),
  );
  const [large, setLarge] = useState(false);
  const picture = pictures[at]!;
  const close = () => (app.sheet.value = null);
  const move = (step: number) => {
    setLarge(false);
    setAt((now) => (now + step + pictures.length) % pictures.length); // keys may come faster than pictures
  };
  useLayoutEffect(() => {
    const keys = (e: KeyboardEvent) => {
      const forward = document.dir === 'rtl' ? 'ArrowLeft' : 'ArrowRight';
      if (e.key === 'ArrowLeft' || e.key === 'ArrowRight') move(e.key === forward ? 1 : -1);
      else if (e.key === '+' || e.key === '-') setLarge(e.key === '+');
    };
    addEventListener('keydown', keys, true);
    return () => removeEventListener('keydown', keys, true);
  });
  return (
    <Dialog title={t('picture')} onClose={close} class="viewer" bare>
      <header class="bar">
        <span class="body">
          <b class="clip">
            <Name of={m.own ? t('you') : m.author} />
          </b>
          <time>{moment(m.sentAt)}</time>
        </span>
        {pictures.length > 1 && (
          <span class="figures">
            {at + 1} / {pictures.length}
          </span>
        )}
        <Save m={m} a={picture} />
        <IconButton icon="close" label={t('close')} onClick={close} />
      </header>
      <Stage key={picture.index} m={m} a={picture} large={large} onZoom={() => setLarge(!large)} onClose={close} />
      {pictures.length > 1 && (
        <>
          <IconButton icon="chevron" label={t('previous')} class="previous" onClick={() => move(-1)} />
          <IconButton icon="chevron" label={t('next')} class="next" onClick={() => move(1)} />
        </>
      )}
    </Dialog>
  );
}

function Save({ m, a }: { m: Message; a: Attachment }): VNode {
  const loaded = useAttachment({ conversation: m.conversation, message: m.id, index: a.index });
  return (
    <IconButton
      icon="download"
      label={t('save-file')}
      disabled={!loaded.blob}
      onClick={() => loaded.blob && download(loaded.blob, a.name)}
    />
  );
}

function Stage(p: { m: Message; a: Attachment; large: boolean; onZoom: () => void; onClose: () => void }): VNode {
  const loaded = useAttachment({ conversation: p.m.conversation, message: p.m.id, index: p.a.index });
  return (
    <div class={`stage ${p.large ? 'large' : ''}`} onClick={(e) => e.target === e.currentTarget && p.onClose()}>
      {loaded.url && (
        <img src={loaded.url} alt={t('picture.by', { name: p.m.own ? t('you') : p.m.author })} onClick={p.onZoom} />
      )}
      {loaded.failed && <Button onClick={loaded.again}>{t('try-again')}</Button>}
    </div>
  );
}
