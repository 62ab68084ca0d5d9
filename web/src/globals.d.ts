// SPDX-License-Identifier: AGPL-3.0-or-later

/** Addresses that the build puts in; empty if there is nothing behind them. */
declare const __WASM__: string;
declare const __WORKER__: string;
declare const __FILES__: Record<string, string>;
declare const __BUILD__: string;

declare module 'icon:*' {
  const nodes: [string, Record<string, string>][];
  export default nodes;
}

/** Browsers that have it; the DOM types do not list it yet. */
declare class BarcodeDetector {
  constructor(options: { formats: string[] });
  detect(source: CanvasImageSource): Promise<{ rawValue: string }[]>;
}

/** What core/line.ts exports, a script that runs before the others. */
declare const securecryptLine: typeof import('./core/line');
