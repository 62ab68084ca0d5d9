// SPDX-License-Identifier: AGPL-3.0-or-later

// What the sections of the settings are made of.

import { h, type VNode } from 'preact';
import type { Look } from '../model/settings';
import { Choice, useApp } from './parts';

/** One of the look's choices. */
export function LookChoice<K extends keyof Look>({
  of,
  label,
  hint,
  options,
}: {
  of: K;
  label: string;
  hint?: string;
  options: [Look[K], string][];
}): VNode {
  const app = useApp();
  return (
    <Choice
      label={label}
      {...(hint && { hint })}
      value={app.settings.look.value[of]}
      options={options}
      onChange={(v) => void app.attempt(() => app.settings.set(of, v))}
    />
  );
}
