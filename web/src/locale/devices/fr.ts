// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Entry } from '../../model/i18n';

/** The texts of devices. */
export const devices = {
  'devices.this': 'Cet appareil',
  'devices.other': 'Appareil {id}',
  'devices.first': 'A créé le compte le {date}',
  'devices.by-key': 'Ajouté le {date} avec la clé de récupération',
  'devices.by-this': 'Ajouté le {date} par cet appareil',
  'devices.by': 'Ajouté le {date} par l’appareil {id}',
  'devices.revoked': 'Retiré le {date}',
  'devices.browser': 'Navigateur',
  'devices.used': '{kind}, utilisé pour la dernière fois le {date}',
  'devices.name': 'Nom de l’appareil',
  'devices.rename': 'Renommer {name}',
  'devices.text':
    'Chacun de ces appareils lit et écrit en votre nom. Retirez celui qui est perdu, volé ou inconnu de vous.',
  'devices.offline': 'Votre serveur n’a pas répondu. Voici ce que sait cet appareil ; revenez voir une fois en ligne.',
  'devices.past': { one: '{n} appareil retiré', many: '{n} d’appareils retirés', other: '{n} appareils retirés' },
  'devices.link': 'Lier un appareil',
  'devices.link.text': 'Vos conversations suivent. Gardez les deux appareils à portée de main.',
  'devices.giving': 'Le nouvel appareil a {done} conversations sur {all}. Laissez les deux connectés.',
  'devices.remove': 'Retirer {name} ?',
  'devices.remove.text':
    'Il ne peut plus rien lire ni écrire de nouveau. Ce qu’il a déjà y reste. Sans nouveau code, il ne revient pas.',
  'devices.remove.more': 'Il a ajouté d’autres appareils',
  'devices.remove.all': {
    one: 'Retirer aussi celui ({n}) qu’il a ajouté',
    many: 'Retirer aussi les {n} qu’il a ajoutés',
    other: 'Retirer aussi les {n} qu’il a ajoutés',
  },
  'devices.remove.one': 'Ne retirer que celui-ci',
  'devices.removed': 'L’appareil est retiré',
  'link.waits': 'Un instant…',
  'link.show':
    'Sur le nouvel appareil, ouvrez SecureCrypt et choisissez « Lier cet appareil ». Scannez-y ce code ou saisissez-le.',
  'link.code': 'Code pour l’autre appareil',
  'link.life': 'Il sert une fois, pendant dix minutes. Ne le montrez à personne d’autre.',
  'link.have': 'Saisir plutôt un code du nouvel appareil',
  'link.field': 'Code affiché sur l’autre appareil',
  'link.instead': 'Afficher plutôt un code ici',
  'link.ask': 'Le nouvel appareil affiche six chiffres. Ne les saisissez que si vous liez vous-même un appareil.',
  'link.digits': 'Les six chiffres',
  'link.wrong': {
    one: 'Ce ne sont pas les chiffres du nouvel appareil. Il vous reste {n} essai.',
    many: 'Ce ne sont pas les chiffres du nouvel appareil. Il vous reste {n} d’essais.',
    other: 'Ce ne sont pas les chiffres du nouvel appareil. Il vous reste {n} essais.',
  },
  'link.confirm': 'Lier l’appareil',
  'link.adding': 'Liaison…',
  'link.done': 'L’appareil est lié',
  'link.done.text': 'Vos conversations sont en route. Laissez les deux appareils connectés jusqu’à leur arrivée.',
  'link.partly': 'L’appareil est lié, mais n’a pas encore tout reçu. Laissez les deux appareils connectés.',
  'link.again': 'Recommencer',
  'link.lead': 'Prenez un appareil qui a votre compte. Ouvrez-y Réglages, Appareils, Lier un appareil.',
  'link.host': 'Là où les deux appareils se retrouvent si celui-ci affiche le code.',
  'link.show.new':
    'Sur un appareil qui a votre compte, ouvrez Réglages, Appareils, Lier un appareil. Choisissez d’y saisir un code, et saisissez celui-ci.',
  'link.becomes': 'Cet appareil devient l’un de ceux de',
  'link.becomes.not': 'Si ce n’est pas votre adresse, annulez.',
  'link.type': 'Saisissez ces chiffres sur l’autre appareil :',
  'recover.lead':
    'Pour quand il ne vous reste aucun appareil. S’il vous en reste un, liez plutôt cet appareil : vos messages suivront.',
  'recover.address': 'Votre adresse',
  'recover.after':
    'Vos conversations reviennent une à une, à mesure que les appareils des autres laissent entrer celui-ci. Les anciens messages ne sont pas dans la clé et ne reviennent pas. Pour vos contacts, vous restez la même personne.',
  recover: 'Retrouver mon compte',
  'recover.busy': 'Demande au serveur…',
  'resume.title': 'La liaison a été interrompue',
  'resume.text': 'Le serveur est interrogé pour savoir si cet appareil a été lié…',
  'error.link-code': 'Ce n’est pas un code pour lier des appareils. Vérifiez chaque caractère.',
  'error.link-unknown':
    'Personne n’attend avec ce code : il a servi, ou date de plus de dix minutes. Recommencez avec un nouveau.',
  'error.link-used':
    'Quelqu’un d’autre a utilisé le même code. Rien n’a été lié. Recommencez là où personne d’autre ne voit le code.',
  'error.link-digits': 'Les chiffres étaient faux trois fois. Rien n’a été lié. Recommencez avec un nouveau code.',
  'error.link-cancelled': 'L’autre appareil a arrêté. Rien n’a été lié. Recommencez avec un nouveau code.',
  'error.link-silent': 'L’autre appareil ne répond plus. Rien n’a été lié. Recommencez avec un nouveau code.',
  'error.link-expired': 'Les dix minutes du code sont passées. Rien n’a été lié. Recommencez avec un nouveau.',
  'error.link-changed':
    'Ce qui est arrivé n’est pas ce que l’autre appareil a envoyé. Rien n’a été lié. Recommencez, et prévenez qui gère votre serveur si cela se reproduit.',
  'error.link-chain':
    'Le serveur montre un autre état du compte que votre autre appareil. Rien n’a été lié. Réessayez, et prévenez qui le gère si cela se reproduit.',
  'error.link-late':
    'Votre serveur n’a pas dit si l’appareil a été lié. Regardez la liste des appareils quand il répondra.',
  'error.many-devices': 'Votre compte a 16 appareils et ne peut pas en avoir plus. Retirez-en un d’abord.',
  'error.no-device': 'Votre compte n’a plus cet appareil. Regardez à nouveau la liste.',
  'error.last-device': 'C’est votre seul appareil. Effacez-le plutôt dans les réglages.',
} satisfies Record<string, Entry>;
