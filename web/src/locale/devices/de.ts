// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Entry } from '../../model/i18n';

/** The texts of devices. */
export const devices = {
  'devices.this': 'Dieses Gerät',
  'devices.other': 'Gerät {id}',
  'devices.first': 'Hat das Konto am {date} angelegt',
  'devices.by-key': 'Hinzugefügt am {date} mit dem Wiederherstellungsschlüssel',
  'devices.by-this': 'Hinzugefügt am {date} von diesem Gerät',
  'devices.by': 'Hinzugefügt am {date} von Gerät {id}',
  'devices.revoked': 'Entfernt am {date}',
  'devices.browser': 'Im Browser',
  'devices.used': '{kind}, zuletzt benutzt am {date}',
  'devices.name': 'Name des Geräts',
  'devices.rename': '{name} umbenennen',
  'devices.text':
    'Jedes dieser Geräte liest und schreibt als du. Entferne eines, das verloren, gestohlen oder dir unbekannt ist.',
  'devices.offline':
    'Dein Server war nicht erreichbar. Das weiß dieses Gerät; sieh noch einmal nach, wenn du online bist.',
  'devices.past': { one: '{n} entferntes Gerät', other: '{n} entfernte Geräte' },
  'devices.link': 'Gerät verbinden',
  'devices.link.text': 'Deine Chats kommen mit. Halte beide Geräte bereit.',
  'devices.giving': 'Das neue Gerät hat {done} von {all} Chats. Lass beide verbunden.',
  'devices.remove': '{name} entfernen?',
  'devices.remove.text':
    'Es kann nichts Neues mehr lesen oder schreiben. Was es schon hat, bleibt darauf. Ohne neuen Code kommt es nicht wieder herein.',
  'devices.remove.more': 'Es hat andere Geräte hinzugefügt',
  'devices.remove.all': {
    one: 'Auch das {n} entfernen, das es hinzugefügt hat',
    other: 'Auch die {n} entfernen, die es hinzugefügt hat',
  },
  'devices.remove.one': 'Nur dieses entfernen',
  'devices.removed': 'Das Gerät ist entfernt',
  'link.waits': 'Einen Moment…',
  'link.show':
    'Öffne SecureCrypt auf dem neuen Gerät und wähle „Dieses Gerät verbinden“. Scanne dort diesen Code oder tippe ihn ein.',
  'link.code': 'Code für das andere Gerät',
  'link.life': 'Er gilt einmal und zehn Minuten lang. Zeig ihn sonst niemandem.',
  'link.have': 'Stattdessen einen Code des neuen Geräts eingeben',
  'link.field': 'Code auf dem anderen Gerät',
  'link.instead': 'Stattdessen hier einen Code zeigen',
  'link.ask': 'Das neue Gerät zeigt sechs Ziffern. Tippe sie nur ein, wenn du selbst gerade ein Gerät verbindest.',
  'link.digits': 'Die sechs Ziffern',
  'link.wrong': {
    one: 'Das sind nicht die Ziffern auf dem neuen Gerät. Du hast noch {n} Versuch.',
    other: 'Das sind nicht die Ziffern auf dem neuen Gerät. Du hast noch {n} Versuche.',
  },
  'link.confirm': 'Verbinden',
  'link.adding': 'Wird verbunden…',
  'link.done': 'Das Gerät ist verbunden',
  'link.done.text': 'Deine Chats sind unterwegs dorthin. Lass beide Geräte verbunden, bis sie da sind.',
  'link.partly': 'Das Gerät ist verbunden, hat aber noch nicht alles bekommen. Lass beide Geräte verbunden.',
  'link.again': 'Von vorn beginnen',
  'link.lead': 'Nimm ein Gerät, das dein Konto hat. Öffne dort Einstellungen, Geräte, Gerät verbinden.',
  'link.host': 'Wo sich beide Geräte treffen, wenn dieses den Code zeigt.',
  'link.show.new':
    'Öffne auf einem Gerät mit deinem Konto Einstellungen, Geräte, Gerät verbinden. Wähle dort, einen Code einzugeben, und gib diesen ein.',
  'link.becomes': 'Dieses Gerät wird eines von',
  'link.becomes.not': 'Ist das nicht deine Adresse, brich ab.',
  'link.type': 'Tippe diese Ziffern auf dem anderen Gerät ein:',
  'recover.lead':
    'Für den Fall, dass dir kein Gerät geblieben ist. Hast du noch eines, verbinde dieses Gerät: Dann kommen deine Nachrichten mit.',
  'recover.address': 'Deine Adresse',
  'recover.after':
    'Deine Chats kommen nach und nach zurück, sobald die Geräte der anderen dieses hereinlassen. Frühere Nachrichten stecken nicht im Schlüssel und kommen nicht zurück. Für die anderen bleibst du dieselbe Person.',
  recover: 'Mein Konto zurückholen',
  'recover.busy': 'Dein Server wird gefragt…',
  'resume.title': 'Das Verbinden wurde unterbrochen',
  'resume.text': 'Dein Server wird gefragt, ob dieses Gerät verbunden wurde…',
  'error.link-code': 'Das ist kein Code zum Verbinden von Geräten. Prüfe jedes Zeichen.',
  'error.link-unknown':
    'Niemand wartet mit diesem Code: Er wurde benutzt oder ist älter als zehn Minuten. Beginne mit einem neuen von vorn.',
  'error.link-used':
    'Jemand anderes hat denselben Code benutzt. Nichts wurde verbunden. Beginne von vorn, wo niemand sonst den Code sieht.',
  'error.link-digits':
    'Die Ziffern waren dreimal falsch. Nichts wurde verbunden. Beginne mit einem neuen Code von vorn.',
  'error.link-cancelled':
    'Das andere Gerät hat abgebrochen. Nichts wurde verbunden. Beginne mit einem neuen Code von vorn.',
  'error.link-silent':
    'Das andere Gerät antwortet nicht mehr. Nichts wurde verbunden. Beginne mit einem neuen Code von vorn.',
  'error.link-expired': 'Die zehn Minuten des Codes sind um. Nichts wurde verbunden. Beginne mit einem neuen von vorn.',
  'error.link-changed':
    'Was ankam, ist nicht, was das andere Gerät geschickt hat. Nichts wurde verbunden. Beginne von vorn, und sag es deinem Serverbetreiber, wenn es wieder geschieht.',
  'error.link-chain':
    'Der Server zeigt einen anderen Stand des Kontos als dein anderes Gerät. Nichts wurde verbunden. Versuch es noch einmal, und sag es dem Betreiber, wenn es wieder geschieht.',
  'error.link-late':
    'Dein Server hat nicht gesagt, ob das Gerät verbunden wurde. Sieh in die Liste der Geräte, sobald er antwortet.',
  'error.many-devices': 'Dein Konto hat 16 Geräte und kann nicht mehr haben. Entferne erst eines.',
  'error.no-device': 'Dein Konto hat dieses Gerät nicht mehr. Sieh noch einmal in die Liste.',
  'error.last-device': 'Das ist dein einziges Gerät. Lösche stattdessen in den Einstellungen alles.',
} satisfies Record<string, Entry>;
