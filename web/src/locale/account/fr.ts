// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Entry } from '../../model/i18n';
import type { account as texts } from './en';

export const account: Record<keyof typeof texts, Entry> = {
  'welcome.title': 'Des messages que seuls leurs participants peuvent lire',
  'welcome.invited': '{name} vous invite à discuter.',
  'welcome.text': 'Tout est chiffré sur votre appareil. Le serveur transmet et ne peut rien ouvrir.',
  'welcome.point1': 'Ni numéro de téléphone, ni e-mail, ni vrai nom.',
  'welcome.point2': 'Les clés sont à vous. Personne ne peut les livrer à votre place.',
  'welcome.point3': 'Vous voyez ce que le serveur sait de vous, quand vous le voulez.',
  'welcome.have': 'Vous avez déjà un compte ?',
  'link.title': 'Lier cet appareil',
  'recover.title': 'Utiliser une clé de récupération',
  begin: 'Commencer',
  'create.title': 'Votre compte',
  'create.profile': 'Votre nom (facultatif)',
  'create.profile.hint': 'Visible pour les personnes à qui vous écrivez. Le serveur ne le voit pas.',
  'create.host': 'Serveur',
  'create.host.hint': 'L’adresse du serveur que vous voulez utiliser.',
  'create.passphrase': 'Phrase secrète (facultative)',
  'create.passphrase.hint':
    'Elle protège vos messages sur cet appareil. Sans elle, quiconque ouvre ce navigateur peut les lire. Personne ne peut la réinitialiser.',
  'create.more': 'Plus d’options',
  'create.name': 'Adresse',
  'create.name.hint': 'La partie avant le @. Laissez vide pour une adresse aléatoire qui ne dit rien de vous.',
  'create.name.form':
    '2 à 32 caractères : a–z, 0–9, point, tiret et tiret bas, en commençant par une lettre ou un chiffre',
  'create.invite': 'Code d’invitation',
  create: 'Créer le compte',
  'create.busy': 'Création de votre compte…',
  'recovery.title': 'Votre clé de récupération',
  'recovery.text':
    'Notez-la et gardez-la en lieu sûr, loin de cet appareil. Si vous perdez tous vos appareils, elle seule vous rend votre compte. Elle ne sera plus affichée. Vous pouvez vérifier votre note dans les réglages.',
  'recovery.kept': 'Je l’ai notée',
  'recovery.section': 'Clé de récupération',
  'recovery.section.text':
    'Elle vous rend votre compte si vous perdez tous vos appareils. Vérifiez de temps en temps que votre note est juste. Remplacez la clé si quelqu’un a pu la voir.',
  'recovery.field': 'Votre clé, telle que vous l’avez notée',
  'recovery.check': 'Vérifier la note',
  'recovery.current': 'C’est votre clé de récupération. Laissez la note où elle est.',
  'recovery.current.offline':
    'D’après ce que sait cet appareil, c’est votre clé de récupération. Votre serveur n’a pas répondu : vérifiez à nouveau une fois en ligne.',
  'recovery.replaced':
    'Cette clé a été remplacée le {date}. Cherchez la note de la plus récente et détruisez celle-ci.',
  'recovery.replaced.offline':
    'Cette clé a été remplacée le {date}, d’après ce que sait cet appareil. Votre serveur n’a pas répondu : gardez cette note jusqu’à une nouvelle vérification en ligne.',
  'recovery.unknown': 'Cette clé n’a jamais été celle de votre compte. Cherchez une autre note.',
  'recovery.unknown.offline':
    'Cet appareil ne connaît pas cette clé pour votre compte. Votre serveur n’a pas répondu : cherchez une autre note, ou vérifiez à nouveau une fois en ligne.',
  'recovery.malformed':
    'Ce n’est pas une clé de récupération entière, ou un caractère est faux. Comparez chaque caractère avec votre note.',
  'recovery.replace': 'Remplacer la clé',
  'recovery.now': 'Clé de récupération actuelle',
  'recovery.now.text': 'Saisissez la clé valable actuellement. Rien ne change avant la dernière étape.',
  'recovery.next': 'Votre nouvelle clé de récupération',
  'recovery.next.text':
    'Notez-la et gardez-la à l’écart de cet appareil. Elle n’est pas encore valable : ensuite, vous la saisirez d’après votre note.',
  'recovery.again': 'Nouvelle clé de récupération',
  'recovery.again.text': 'Saisissez la nouvelle clé d’après votre note. Elle prendra alors la place de l’ancienne.',
  'recovery.differs': 'Ce n’est pas la nouvelle clé. Comparez chaque caractère avec votre note.',
  'recovery.show': 'Afficher à nouveau la clé',
  'recovery.gone':
    'Le remplacement de la clé a aussi été commencé dans un autre onglet. Rien n’a été changé ici : recommencez.',
  'recovery.done': 'Votre clé de récupération est remplacée',
  'recovery.done.text':
    'L’ancienne clé n’est plus valable : détruisez vos notes. Rien ne change pour les personnes à qui vous écrivez.',
  'recovery.waits': 'Votre nouvelle clé de récupération attend votre serveur',
  'recovery.waits.text':
    'Votre serveur n’a pas répondu. La nouvelle clé sera valable dès que cet appareil l’aura joint. D’ici là, gardez les deux notes, puis vérifiez la nouvelle une fois en ligne.',
  'recovery.unchanged': 'Rien n’a été changé. Votre clé de récupération actuelle reste valable.',

  locked: 'Verrouillé',
  lock: 'Verrouiller maintenant',
  passphrase: 'Phrase secrète',
  unlock: 'Déverrouiller',
  unlocking: 'Déverrouillage…',
  'lock.forgot': 'Oubliée ? Tout effacer et recommencer',
};
