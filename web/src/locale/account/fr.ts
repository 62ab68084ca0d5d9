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
  'welcome.recovery':
    'Votre compte n’existe que dans ce navigateur. S’il est perdu, il ne peut pas encore être récupéré.',
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
    'Notez-la et gardez-la en lieu sûr. Elle permettra de retrouver votre compte. Ce n’est pas encore possible : perdre cet appareil, c’est perdre le compte. Elle ne sera plus affichée.',
  'recovery.kept': 'Je l’ai notée',

  locked: 'Verrouillé',
  lock: 'Verrouiller maintenant',
  passphrase: 'Phrase secrète',
  unlock: 'Déverrouiller',
  unlocking: 'Déverrouillage…',
  'lock.forgot': 'Oubliée ? Tout effacer et recommencer',
};
