// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Entry } from '../../model/i18n';
import type { account as texts } from './en';

export const account: Record<keyof typeof texts, Entry> = {
  'welcome.title': 'Nachrichten, die nur die Beteiligten lesen können',
  'welcome.invited': '{name} lädt dich zum Gespräch ein.',
  'welcome.text': 'Alles wird auf deinem Gerät verschlüsselt. Der Server reicht es weiter und kann es nicht öffnen.',
  'welcome.point1': 'Keine Telefonnummer, keine E-Mail-Adresse, kein echter Name.',
  'welcome.point2': 'Die Schlüssel gehören dir. Niemand kann sie an deiner Stelle herausgeben.',
  'welcome.point3': 'Du siehst jederzeit, was der Server über dich weiß.',
  'welcome.recovery':
    'Dein Konto liegt nur in diesem Browser. Geht er verloren, lässt es sich noch nicht wiederherstellen.',
  begin: 'Los geht’s',
  'create.title': 'Dein Konto',
  'create.profile': 'Dein Name (freiwillig)',
  'create.profile.hint': 'Ihn sehen die Menschen, denen du schreibst. Der Server sieht ihn nicht.',
  'create.host': 'Server',
  'create.host.hint': 'Die Adresse des Servers, den du nutzen möchtest.',
  'create.passphrase': 'Passphrase (freiwillig)',
  'create.passphrase.hint':
    'Schützt deine Nachrichten auf diesem Gerät. Ohne sie kann sie jeder lesen, der diesen Browser öffnet. Niemand kann sie zurücksetzen.',
  'create.more': 'Mehr Optionen',
  'create.name': 'Adresse',
  'create.name.hint': 'Der Teil vor dem @. Leer lassen für eine zufällige Adresse, die nichts über dich verrät.',
  'create.name.form':
    '2 bis 32 Zeichen: a–z, 0–9, Punkt, Binde- und Unterstrich, am Anfang ein Buchstabe oder eine Ziffer',
  'create.invite': 'Einladungscode',
  create: 'Konto anlegen',
  'create.busy': 'Dein Konto wird angelegt…',
  'recovery.title': 'Dein Wiederherstellungsschlüssel',
  'recovery.text':
    'Schreib ihn auf und bewahre ihn sicher auf. Mit ihm wirst du dein Konto zurückholen können. Noch geht das nicht: Wer dieses Gerät jetzt verliert, verliert das Konto. Der Schlüssel wird nicht noch einmal gezeigt.',
  'recovery.kept': 'Ich habe ihn aufgeschrieben',

  locked: 'Gesperrt',
  lock: 'Jetzt sperren',
  passphrase: 'Passphrase',
  unlock: 'Entsperren',
  unlocking: 'Wird entsperrt…',
  'lock.forgot': 'Vergessen? Löschen und neu beginnen',
};
