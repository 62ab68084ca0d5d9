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
  'welcome.have': '¿Ya tienes una cuenta?',
  'link.title': 'Vincular este dispositivo',
  'recover.title': 'Usar una clave de recuperación',
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
    'Anótala y guárdala bien, lejos de este dispositivo. Si pierdes todos tus dispositivos, solo ella recupera tu cuenta. No se vuelve a mostrar. Puedes comprobar tu nota en los ajustes.',
  'recovery.kept': 'Ya la he anotado',
  'recovery.section': 'Clave de recuperación',
  'recovery.section.text':
    'Recupera tu cuenta si pierdes todos tus dispositivos. Comprueba de vez en cuando que tu nota es correcta. Sustituye la clave si alguien ha podido verla.',
  'recovery.field': 'Tu clave, tal como la anotaste',
  'recovery.check': 'Comprobar la nota',
  'recovery.current': 'Esta es tu clave de recuperación. Deja la nota donde está.',
  'recovery.current.offline':
    'Hasta donde sabe este dispositivo, esta es tu clave de recuperación. No se pudo llegar a tu servidor: compruébala otra vez cuando tengas conexión.',
  'recovery.replaced': 'Esta clave se sustituyó el {date}. Busca la nota de la más reciente y destruye esta.',
  'recovery.replaced.offline':
    'Esta clave se sustituyó el {date}, hasta donde sabe este dispositivo. No se pudo llegar a tu servidor: conserva esta nota hasta comprobarla otra vez con conexión.',
  'recovery.unknown': 'Esta nunca fue una clave de tu cuenta. Busca otra nota.',
  'recovery.unknown.offline':
    'Este dispositivo no conoce esta clave para tu cuenta. No se pudo llegar a tu servidor: busca otra nota o compruébala otra vez cuando tengas conexión.',
  'recovery.malformed':
    'No es una clave de recuperación completa, o hay un carácter equivocado. Compara cada carácter con tu nota.',
  'recovery.replace': 'Sustituir la clave',
  'recovery.now': 'Clave de recuperación actual',
  'recovery.now.text': 'Escribe la clave que vale ahora. Nada cambia antes del último paso.',
  'recovery.next': 'Tu nueva clave de recuperación',
  'recovery.next.text':
    'Anótala y guárdala lejos de este dispositivo. Todavía no vale: a continuación la escribes desde tu nota.',
  'recovery.again': 'Nueva clave de recuperación',
  'recovery.again.text': 'Escribe la nueva clave desde tu nota. Entonces ocupa el lugar de la anterior.',
  'recovery.differs': 'Esta no es la nueva clave. Compara cada carácter con tu nota.',
  'recovery.show': 'Mostrar la clave otra vez',
  'recovery.gone':
    'También se ha empezado a sustituir la clave en otra pestaña. Aquí no ha cambiado nada: empieza de nuevo.',
  'recovery.done': 'Tu clave de recuperación se ha sustituido',
  'recovery.done.text':
    'La clave anterior ya no vale: destruye tus notas de ella. Nada cambia para las personas a las que escribes.',
  'recovery.waits': 'Tu nueva clave de recuperación espera a tu servidor',
  'recovery.waits.text':
    'No se pudo llegar a tu servidor. La nueva clave valdrá en cuanto este dispositivo llegue a él. Hasta entonces conserva las dos notas, y comprueba la nueva cuando tengas conexión.',
  'recovery.unchanged': 'No ha cambiado nada. Tu clave de recuperación actual sigue valiendo.',

  locked: 'Bloqueado',
  lock: 'Bloquear ahora',
  passphrase: 'Frase de acceso',
  unlock: 'Desbloquear',
  unlocking: 'Desbloqueando…',
  'lock.forgot': '¿La olvidaste? Borrar todo y empezar de nuevo',
};
