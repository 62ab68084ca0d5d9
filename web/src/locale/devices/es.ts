// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Entry } from '../../model/i18n';

/** The texts of devices. */
export const devices = {
  'devices.this': 'Este dispositivo',
  'devices.other': 'Dispositivo {id}',
  'devices.first': 'Creó la cuenta el {date}',
  'devices.by-key': 'Añadido el {date} con la clave de recuperación',
  'devices.by-this': 'Añadido el {date} por este dispositivo',
  'devices.by': 'Añadido el {date} por el dispositivo {id}',
  'devices.revoked': 'Quitado el {date}',
  'devices.browser': 'Navegador',
  'devices.used': '{kind}, usado por última vez el {date}',
  'devices.name': 'Nombre del dispositivo',
  'devices.rename': 'Cambiar el nombre de {name}',
  'devices.text':
    'Cada uno de estos dispositivos lee y escribe como tú. Quita el que se haya perdido, te hayan robado o no conozcas.',
  'devices.offline':
    'No se pudo contactar con tu servidor. Esto es lo que sabe este dispositivo; vuelve a mirar cuando tengas conexión.',
  'devices.past': {
    one: '{n} dispositivo quitado',
    many: '{n} de dispositivos quitados',
    other: '{n} dispositivos quitados',
  },
  'devices.link': 'Vincular un dispositivo',
  'devices.link.text': 'Tus conversaciones van con él. Ten los dos dispositivos a mano.',
  'devices.giving': 'El dispositivo nuevo tiene {done} de {all} conversaciones. Deja los dos conectados.',
  'devices.remove': '¿Quitar {name}?',
  'devices.remove.text':
    'Ya no puede leer ni escribir nada nuevo. Lo que ya tiene se queda en él. Sin un código nuevo no vuelve a entrar.',
  'devices.remove.more': 'Añadió otros dispositivos',
  'devices.remove.all': {
    one: 'Quitar también el que añadió ({n})',
    many: 'Quitar también los {n} que añadió',
    other: 'Quitar también los {n} que añadió',
  },
  'devices.remove.one': 'Quitar solo este',
  'devices.removed': 'El dispositivo se ha quitado',
  'link.waits': 'Un momento…',
  'link.show':
    'En el dispositivo nuevo, abre SecureCrypt y elige «Vincular este dispositivo». Escanea allí este código o escríbelo.',
  'link.code': 'Código para el otro dispositivo',
  'link.life': 'Sirve una vez, durante diez minutos. No se lo enseñes a nadie más.',
  'link.have': 'Escribir mejor un código del dispositivo nuevo',
  'link.field': 'Código del otro dispositivo',
  'link.instead': 'Mostrar mejor un código aquí',
  'link.ask': 'El dispositivo nuevo muestra seis cifras. Escríbelas solo si eres tú quien vincula un dispositivo.',
  'link.digits': 'Las seis cifras',
  'link.wrong': {
    one: 'No son las cifras del dispositivo nuevo. Te queda {n} intento.',
    many: 'No son las cifras del dispositivo nuevo. Te quedan {n} de intentos.',
    other: 'No son las cifras del dispositivo nuevo. Te quedan {n} intentos.',
  },
  'link.confirm': 'Vincular',
  'link.adding': 'Vinculando…',
  'link.done': 'El dispositivo está vinculado',
  'link.done.text': 'Tus conversaciones van de camino. Deja los dos dispositivos conectados hasta que lleguen.',
  'link.partly':
    'El dispositivo está vinculado, pero aún no lo ha recibido todo. Deja los dos dispositivos conectados.',
  'link.again': 'Empezar de nuevo',
  'link.lead': 'Toma un dispositivo que tenga tu cuenta. Abre allí Ajustes, Dispositivos, Vincular un dispositivo.',
  'link.host': 'Donde se encuentran los dos dispositivos si este muestra el código.',
  'link.show.new':
    'En un dispositivo con tu cuenta, abre Ajustes, Dispositivos, Vincular un dispositivo. Elige allí escribir un código y escribe este.',
  'link.becomes': 'Este dispositivo pasa a ser de',
  'link.becomes.not': 'Si no es tu dirección, cancela.',
  'link.type': 'Escribe estas cifras en el otro dispositivo:',
  'recover.lead':
    'Para cuando no te queda ningún dispositivo. Si aún tienes uno, vincula mejor este: así vienen también tus mensajes.',
  'recover.address': 'Tu dirección',
  'recover.after':
    'Tus conversaciones vuelven una a una, según los dispositivos de los demás dejan entrar a este. Los mensajes anteriores no están en la clave y no vuelven. Para los demás sigues siendo la misma persona.',
  recover: 'Recuperar mi cuenta',
  'recover.busy': 'Preguntando a tu servidor…',
  'resume.title': 'La vinculación se interrumpió',
  'resume.text': 'Preguntando a tu servidor si este dispositivo se vinculó…',
  'error.link-code': 'No es un código para vincular dispositivos. Comprueba cada carácter.',
  'error.link-unknown':
    'Nadie espera con este código: ya se usó o tiene más de diez minutos. Empieza de nuevo con otro.',
  'error.link-used':
    'Otra persona usó el mismo código. No se vinculó nada. Empieza de nuevo donde nadie más vea el código.',
  'error.link-digits':
    'Las cifras fueron incorrectas tres veces. No se vinculó nada. Empieza de nuevo con otro código.',
  'error.link-cancelled': 'El otro dispositivo lo terminó. No se vinculó nada. Empieza de nuevo con otro código.',
  'error.link-silent': 'El otro dispositivo ya no responde. No se vinculó nada. Empieza de nuevo con otro código.',
  'error.link-expired': 'Pasaron los diez minutos del código. No se vinculó nada. Empieza de nuevo con otro.',
  'error.link-changed':
    'Lo que llegó no es lo que envió el otro dispositivo. No se vinculó nada. Empieza de nuevo y avisa a quien lleva tu servidor si vuelve a ocurrir.',
  'error.link-chain':
    'El servidor muestra otro estado de la cuenta que tu otro dispositivo. No se vinculó nada. Inténtalo de nuevo y avisa a quien lo lleva si vuelve a ocurrir.',
  'error.link-late': 'Tu servidor no dijo si el dispositivo se vinculó. Mira la lista de dispositivos cuando responda.',
  'error.many-devices': 'Tu cuenta tiene 16 dispositivos y no puede tener más. Quita uno antes.',
  'error.no-device': 'Tu cuenta ya no tiene ese dispositivo. Mira la lista otra vez.',
  'error.last-device': 'Es tu único dispositivo. Bórralo mejor en los ajustes.',
} satisfies Record<string, Entry>;
