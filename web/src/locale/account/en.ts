// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Entry } from '../../model/i18n';

/** The texts before a profile is open: welcome, a new account, its recovery key, the lock. */
export const account = {
  'welcome.title': 'Messages that only the people in them can read',
  'welcome.invited': '{name} invites you to talk.',
  'welcome.text': 'Everything is encrypted on your device. The server passes it on and cannot open it.',
  'welcome.point1': 'No phone number, no e-mail, no real name.',
  'welcome.point2': 'The keys are yours. Nobody can hand them over for you.',
  'welcome.point3': 'You see what the server knows about you, whenever you ask.',
  'welcome.recovery': 'Your account is in this browser alone. If that is lost, it cannot be recovered yet.',
  begin: 'Get started',
  'create.title': 'Your account',
  'create.profile': 'Your name (optional)',
  'create.profile.hint': 'Shown to the people you write to. The server does not see it.',
  'create.host': 'Server',
  'create.host.hint': 'The address of the server you want to use.',
  'create.passphrase': 'Passphrase (optional)',
  'create.passphrase.hint':
    'Locks your messages on this device. Without it, whoever opens this browser can read them. Nobody can reset it.',
  'create.more': 'More options',
  'create.name': 'Address',
  'create.name.hint': 'The part before the @. Leave it empty for a random one that says nothing about you.',
  'create.name.form': '2 to 32 of a–z, 0–9, dot, hyphen and underscore, beginning with a letter or digit',
  'create.invite': 'Invitation code',
  create: 'Create account',
  'create.busy': 'Creating your account…',
  'recovery.title': 'Your recovery key',
  'recovery.text':
    'Write it down and keep it safe. With it you will be able to get your account back. That does not work yet: if you lose this device now, you lose the account. The key is not shown again.',
  'recovery.kept': 'I have written it down',

  locked: 'Locked',
  lock: 'Lock now',
  passphrase: 'Passphrase',
  unlock: 'Unlock',
  unlocking: 'Unlocking…',
  'lock.forgot': 'Forgot it? Erase and start over',
} satisfies Record<string, Entry>;
