// SPDX-License-Identifier: AGPL-3.0-or-later

// The page's only Trusted Types policy. It lets through exactly two scripts,
// whose names the build has put in.

const allowed = new Set([__WORKER__, '/sw.js']);

interface Policy {
  createScriptURL(url: string): unknown;
}

interface Factory {
  createPolicy(name: string, rules: { createScriptURL(url: string): string }): Policy;
}

let policy: Policy | undefined;

/** Returns the address of one of our own scripts, as the browser wants it. */
export function scriptURL(url: string): string {
  const factory = (globalThis as { trustedTypes?: Factory }).trustedTypes;
  if (!factory) return checked(url);
  policy ??= factory.createPolicy('securecrypt-worker', { createScriptURL: checked });
  return policy.createScriptURL(url) as string;
}

function checked(url: string): string {
  if (!url || !allowed.has(url)) throw new TypeError('not a script of this application');
  return url;
}
