// SPDX-License-Identifier: AGPL-3.0-or-later

import { Fragment, h, type VNode } from 'preact';
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
