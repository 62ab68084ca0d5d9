// SPDX-License-Identifier: AGPL-3.0-or-later

import { h, type VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/** A code as one path: dark on white in every theme, as cameras need it. */
export function Code({ text, label }: { text: string; label: string }): VNode {
  const [{ size, path }, draw] = useState({ size: 1, path: '' });
  useEffect(() => void drawing(text).then(draw, () => undefined), [text]); // without it, the text beside it is enough
  return (
    <svg
      class="qr"
      viewBox={`0 0 ${size} ${size}`}
      role="img"
      aria-label={label}
      aria-busy={!path}
      shape-rendering="crispEdges"
    >
      <rect width={size} height={size} fill="#fff" />
      <path d={path} fill="#000" />
    </svg>
  );
}

async function drawing(text: string): Promise<{ size: number; path: string }> {
  const { encode } = await import('./encode');
  const { data, size } = encode(text, { ecc: 'M', border: 3 });
  let path = '';
  data.forEach((row, y) => row.forEach((dark, x) => (path += dark ? `M${x} ${y}h1v1h-1z` : '')));
  return { size, path };
}
