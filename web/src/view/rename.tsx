// SPDX-License-Identifier: AGPL-3.0-or-later

import { h, type VNode } from 'preact';
import { useState } from 'preact/hooks';
import { t } from '../model/i18n';
import { Button, Problem, useWork } from './parts';

/** Asks for another name in place of the one that is shown. */
export function RenameForm(p: {
  name: string;
  label: string;
  /** Whether there has to be a name. */
  required?: boolean;
  save: (name: string) => Promise<unknown>;
  onDone: () => void;
}): VNode {
  const [name, setName] = useState(p.name);
  const work = useWork();
  const submit = async (e: Event) => {
    e.preventDefault();
    if (await work.run(() => p.save(name.trim()))) p.onDone();
  };
  return (
    <form class="stack" onSubmit={(e) => void submit(e)}>
      <input
        class="input"
        dir="auto"
        autoFocus
        required={p.required}
        maxLength={100}
        aria-label={p.label}
        placeholder={p.label}
        value={name}
        onInput={(e) => setName(e.currentTarget.value)}
      />
      <Problem text={work.problem} />
      <div class="actions">
        <Button onClick={p.onDone}>{t('cancel')}</Button>
        <Button primary submit disabled={work.busy || (p.required && !name.trim())}>
          {t('save')}
        </Button>
      </div>
    </form>
  );
}
