// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Entry } from '../../model/i18n';

/** The texts of an account: welcome, a new one, its recovery key, the lock. */
export const account = {
  'welcome.title': 'Messages that only the people in them can read',
  'welcome.invited': '{name} invites you to talk.',
  'welcome.text': 'Everything is encrypted on your device. The server passes it on and cannot open it.',
  'welcome.point1': 'No phone number, no e-mail, no real name.',
  'welcome.point2': 'The keys are yours. Nobody can hand them over for you.',
  'welcome.point3': 'You see what the server knows about you, whenever you ask.',
  'welcome.have': 'Do you have an account already?',
  'link.title': 'Link this device',
  'recover.title': 'Use a recovery key',
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
    'Write it down and keep it safe, away from this device. If you lose all your devices, it alone brings your account back. The key is not shown again. You can check your note in the settings.',
  'recovery.kept': 'I have written it down',
  'recovery.section': 'Recovery key',
  'recovery.section.text':
    'It brings your account back if you lose all your devices. Check from time to time that your note is right. Replace the key if somebody may have seen it.',
  'recovery.field': 'Your key, as you noted it',
  'recovery.check': 'Check your note',
  'recovery.current': 'This is your recovery key. Keep the note where it is.',
  'recovery.current.offline':
    'As far as this device knows, this is your recovery key. Your server was not reached: check again when you are online.',
  'recovery.replaced': 'This key was replaced on {date}. Look for the note of the newer one, and destroy this one.',
  'recovery.replaced.offline':
    'This key was replaced on {date}, as far as this device knows. Your server was not reached: keep this note until you have checked again online.',
  'recovery.unknown': 'This was never a key of your account. Look for another note.',
  'recovery.unknown.offline':
    'This device knows no such key of your account. Your server was not reached: look for another note, or check again when you are online.',
  'recovery.malformed':
    'This is not a whole recovery key, or a character is wrong. Compare each character with your note.',
  'recovery.replace': 'Replace the key',
  'recovery.now': 'Present recovery key',
  'recovery.now.text': 'Type in the key that counts now. Nothing changes before the last step.',
  'recovery.next': 'Your new recovery key',
  'recovery.next.text':
    'Write it down and keep it away from this device. It does not count yet: next, you type it in from your note.',
  'recovery.again': 'New recovery key',
  'recovery.again.text': 'Type in the new key from your note. Then it takes the place of the old one.',
  'recovery.differs': 'This is not the new key. Compare each character with your note.',
  'recovery.show': 'Show the key again',
  'recovery.gone': 'Another tab has begun to replace the key, too. Nothing was changed here: begin again.',
  'recovery.done': 'Your recovery key is replaced',
  'recovery.done.text':
    'The old key no longer counts: destroy your notes of it. Nothing changes for the people you write to.',
  'recovery.waits': 'Your new recovery key waits for your server',
  'recovery.waits.text':
    'Your server was not reached. The new key counts once this device reaches it. Keep both notes until then, and check the new one when you are online.',
  'recovery.unchanged': 'Nothing was changed. Your present recovery key still counts.',

  locked: 'Locked',
  lock: 'Lock now',
  passphrase: 'Passphrase',
  unlock: 'Unlock',
  unlocking: 'Unlocking…',
  'lock.forgot': 'Forgot it? Erase and start over',
} satisfies Record<string, Entry>;
