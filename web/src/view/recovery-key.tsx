// SPDX-License-Identifier: AGPL-3.0-or-later

import { Fragment, h, type Ref, type VNode } from 'preact';
import { t } from '../model/i18n';
import { copy } from './actions';
import { Button, Icon, useApp } from './parts';

/** Shows a recovery key in its groups, to be written down. */
export function RecoveryKey({ of, label }: { of: string; label: string }): VNode {
  const app = useApp();
  return (
    <>
      <div class="recovery" aria-label={label} role="group">
        {of.split(/[\s-]+/).map((part, i) => (
          <span key={i}>{part}</span>
        ))}
      </div>
      <Button onClick={() => void copy(app, of, true)}>
        <Icon name="copy" />
        {t('copy')}
      </Button>
    </>
  );
}

/** A field for a recovery key. It can be read while it is typed in, because it is compared with a note. */
export function KeyField(p: {
  label: string;
  value: string;
  onChange: (key: string) => void;
  field: Ref<HTMLInputElement>;
  /** The identifier of what says whether the key is right. */
  answer: string;
  wrong: boolean;
  disabled: boolean;
}): VNode {
  return (
    <label class="field">
      <span>{p.label}</span>
      <input
        ref={p.field}
        class="input ltr key-field"
        autocomplete="off"
        autocapitalize="characters"
        autocorrect="off"
        spellcheck={false}
        maxLength={256}
        aria-describedby={p.answer}
        aria-invalid={p.wrong}
        readOnly={p.disabled}
        value={p.value}
        onInput={(e) => p.onChange(e.currentTarget.value)}
      />
    </label>
  );
}
