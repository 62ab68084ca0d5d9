// SPDX-License-Identifier: AGPL-3.0-or-later

import { Fragment, h, type VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { t } from '../model/i18n';
import { Button, Problem, Skeletons, useApp } from './parts';

/** The parts of the page that are loaded when they are first shown. */
const loaders = { settings: () => import('./settings'), devices: () => import('./devices') };

type Loaders = typeof loaders;
type Code<K extends keyof Loaders> = Awaited<ReturnType<Loaders[K]>>;

/** The parts' code, once it was loaded. */
const loaded: { [K in keyof Loaders]?: Code<K> } = {};

/** Draws something by the code of a part, and loads that before. Until then, frame is around what is shown. */
export function Part<K extends keyof Loaders>(p: {
  of: K;
  failed: string;
  draw: (code: Code<K>) => VNode;
  frame?: (content: VNode) => VNode;
}): VNode {
  const app = useApp();
  const [code, setCode] = useState<Code<K> | undefined>(loaded[p.of]);
  const [failed, setFailed] = useState(false);
  const load = async () => {
    setFailed(false);
    try {
      setCode(((loaded as Record<K, Code<K>>)[p.of] = (await loaders[p.of]()) as Code<K>));
      return true;
    } catch {
      setFailed(true);
      return false;
    }
  };
  // Browsers that follow an older HTML standard remember a failed import until the page is loaded again.
  const retry = async () => (await load()) || app.cut.value || app.around.reload();
  useEffect(() => void (code || load()), []);
  if (code) return p.draw(code);
  const { frame = (content: VNode) => content } = p;
  if (!failed) return frame(<Skeletons n={4} />);
  return frame(
    <>
      <Problem text={p.failed} />
      <Button onClick={() => void retry()}>{t('try-again')}</Button>
    </>,
  );
}
