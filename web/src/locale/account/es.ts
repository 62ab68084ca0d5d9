// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Entry } from '../../model/i18n';
import type { account as texts } from './en';

export const account: Record<keyof typeof texts, Entry> = {
  'welcome.title': 'Mensajes que solo pueden leer quienes participan',
  'welcome.invited': '{name} te invita a conversar.',
  'welcome.text': 'Todo se cifra en tu dispositivo. El servidor lo entrega y no puede abrirlo.',
  'welcome.point1': 'Sin número de teléfono, sin correo, sin nombre real.',
  'welcome.point2': 'Las claves son tuyas. Nadie puede entregarlas por ti.',
  'welcome.point3': 'Ves lo que el servidor sabe de ti cuando quieras.',
  'welcome.recovery': 'Tu cuenta está solo en este navegador. Si se pierde, todavía no se puede recuperar.',
  begin: 'Empezar',
  'create.title': 'Tu cuenta',
  'create.profile': 'Tu nombre (opcional)',
  'create.profile.hint': 'Lo ven las personas a las que escribes. El servidor no lo ve.',
  'create.host': 'Servidor',
  'create.host.hint': 'La dirección del servidor que quieres usar.',
  'create.passphrase': 'Frase de acceso (opcional)',
  'create.passphrase.hint':
    'Protege tus mensajes en este dispositivo. Sin ella, quien abra este navegador puede leerlos. Nadie puede restablecerla.',
  'create.more': 'Más opciones',
  'create.name': 'Dirección',
  'create.name.hint': 'La parte antes de la @. Déjala vacía para tener una al azar que no diga nada de ti.',
  'create.name.form': 'De 2 a 32 caracteres: a–z, 0–9, punto, guion y guion bajo, con una letra o cifra al principio',
  'create.invite': 'Código de invitación',
  create: 'Crear cuenta',
  'create.busy': 'Creando tu cuenta…',
  'recovery.title': 'Tu clave de recuperación',
  'recovery.text':
    'Anótala y guárdala bien. Con ella podrás recuperar tu cuenta. Todavía no es posible: quien pierde ahora este dispositivo pierde la cuenta. No se vuelve a mostrar.',
  'recovery.kept': 'Ya la he anotado',

  locked: 'Bloqueado',
  lock: 'Bloquear ahora',
  passphrase: 'Frase de acceso',
  unlock: 'Desbloquear',
  unlocking: 'Desbloqueando…',
  'lock.forgot': '¿La olvidaste? Borrar todo y empezar de nuevo',
};
