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
  'welcome.have': 'Hast du schon ein Konto?',
  'link.title': 'Dieses Gerät verbinden',
  'recover.title': 'Wiederherstellungsschlüssel benutzen',
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
    'Schreib ihn auf und bewahre ihn sicher auf, getrennt von diesem Gerät. Verlierst du alle Geräte, bringt nur er dein Konto zurück. Der Schlüssel wird nicht noch einmal gezeigt. Deine Notiz kannst du in den Einstellungen prüfen.',
  'recovery.kept': 'Ich habe ihn aufgeschrieben',
  'recovery.section': 'Wiederherstellungsschlüssel',
  'recovery.section.text':
    'Er bringt dein Konto zurück, wenn du alle Geräte verlierst. Prüfe ab und zu, ob deine Notiz stimmt. Ersetze den Schlüssel, wenn ihn jemand gesehen haben könnte.',
  'recovery.field': 'Dein Schlüssel, wie du ihn notiert hast',
  'recovery.check': 'Notiz prüfen',
  'recovery.current': 'Das ist dein Wiederherstellungsschlüssel. Lass die Notiz, wo sie ist.',
  'recovery.current.offline':
    'Soweit dieses Gerät weiß, ist das dein Wiederherstellungsschlüssel. Dein Server war nicht erreichbar: Prüfe noch einmal, wenn du online bist.',
  'recovery.replaced': 'Dieser Schlüssel wurde am {date} ersetzt. Such die Notiz des neueren und vernichte diese.',
  'recovery.replaced.offline':
    'Dieser Schlüssel wurde am {date} ersetzt, soweit dieses Gerät weiß. Dein Server war nicht erreichbar: Behalte diese Notiz, bis du online noch einmal geprüft hast.',
  'recovery.unknown': 'Das war nie ein Schlüssel deines Kontos. Such eine andere Notiz.',
  'recovery.unknown.offline':
    'Dieses Gerät kennt keinen solchen Schlüssel deines Kontos. Dein Server war nicht erreichbar: Such eine andere Notiz oder prüfe noch einmal, wenn du online bist.',
  'recovery.malformed':
    'Das ist kein ganzer Wiederherstellungsschlüssel, oder ein Zeichen stimmt nicht. Vergleiche jedes Zeichen mit deiner Notiz.',
  'recovery.replace': 'Schlüssel ersetzen',
  'recovery.now': 'Jetziger Wiederherstellungsschlüssel',
  'recovery.now.text': 'Gib den Schlüssel ein, der jetzt gilt. Vor dem letzten Schritt ändert sich nichts.',
  'recovery.next': 'Dein neuer Wiederherstellungsschlüssel',
  'recovery.next.text':
    'Schreib ihn auf und bewahre ihn getrennt von diesem Gerät auf. Er gilt noch nicht: Als Nächstes gibst du ihn von deiner Notiz ein.',
  'recovery.again': 'Neuer Wiederherstellungsschlüssel',
  'recovery.again.text': 'Gib den neuen Schlüssel von deiner Notiz ein. Dann tritt er an die Stelle des alten.',
  'recovery.differs': 'Das ist nicht der neue Schlüssel. Vergleiche jedes Zeichen mit deiner Notiz.',
  'recovery.show': 'Schlüssel noch einmal zeigen',
  'recovery.gone':
    'In einem anderen Tab wurde auch begonnen, den Schlüssel zu ersetzen. Hier wurde nichts geändert: Beginne noch einmal.',
  'recovery.done': 'Dein Wiederherstellungsschlüssel ist ersetzt',
  'recovery.done.text':
    'Der alte Schlüssel gilt nicht mehr: Vernichte deine Notizen davon. Für die Leute, denen du schreibst, ändert sich nichts.',
  'recovery.waits': 'Dein neuer Wiederherstellungsschlüssel wartet auf deinen Server',
  'recovery.waits.text':
    'Dein Server war nicht erreichbar. Der neue Schlüssel gilt, sobald dieses Gerät ihn erreicht. Behalte bis dahin beide Notizen und prüfe die neue, wenn du online bist.',
  'recovery.unchanged': 'Es wurde nichts geändert. Dein jetziger Wiederherstellungsschlüssel gilt weiter.',

  locked: 'Gesperrt',
  lock: 'Jetzt sperren',
  passphrase: 'Passphrase',
  unlock: 'Entsperren',
  unlocking: 'Wird entsperrt…',
  'lock.forgot': 'Vergessen? Löschen und neu beginnen',
};
