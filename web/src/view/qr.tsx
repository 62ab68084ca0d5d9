// SPDX-License-Identifier: AGPL-3.0-or-later

import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import { encode } from 'uqr';

/** A code as one path: dark on white in every theme, as cameras need it. */
export function Code({ text, label }: { text: string; label: string }): VNode {
  const { size, path } = useMemo(() => {
    const code = encode(text, { ecc: 'M', border: 3 });
    let path = '';
    code.data.forEach((row, y) => row.forEach((dark, x) => (path += dark ? `M${x} ${y}h1v1h-1z` : '')));
    return { size: code.size, path };
  }, [text]);
  return (
    <svg class="qr" viewBox={`0 0 ${size} ${size}`} role="img" aria-label={label} shape-rendering="crispEdges">
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}
