// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Entry } from '../../model/i18n';

/** The texts of devices: their list, linking, and the way back with the recovery key. They are loaded with these screens. */
export const devices = {
  'devices.this': 'This device',
  'devices.other': 'Device {id}',
  'devices.first': 'Created the account on {date}',
  'devices.by-key': 'Added on {date} with the recovery key',
  'devices.by-this': 'Added on {date} by this device',
  'devices.by': 'Added on {date} by device {id}',
  'devices.revoked': 'Removed on {date}',
  'devices.browser': 'Browser',
  'devices.used': '{kind}, last used on {date}',
  'devices.name': 'Name of the device',
  'devices.rename': 'Rename {name}',
  'devices.text': 'Each of these devices reads and writes as you. Remove one that is lost, stolen or unknown to you.',
  'devices.offline': 'Your server was not reached. This is what this device knows; look again when you are online.',
  'devices.past': { one: '{n} removed device', other: '{n} removed devices' },
  'devices.link': 'Link a device',
  'devices.link.text': 'Your conversations go along. Have both devices at hand.',
  'devices.giving': 'The new device has {done} of {all} conversations. Leave both connected.',
  'devices.remove': 'Remove {name}?',
  'devices.remove.text':
    'It can no longer read or write anything new. What it already has stays on it. It cannot be let in again without a new code.',
  'devices.remove.more': 'It added other devices',
  'devices.remove.all': { one: 'Remove the {n} that it added, too', other: 'Remove the {n} that it added, too' },
  'devices.remove.one': 'Remove this one alone',
  'devices.removed': 'The device is removed',
  'link.waits': 'One moment…',
  'link.show':
    'On the new device, open SecureCrypt and choose “Link this device”. Scan this code there, or type it in.',
  'link.code': 'Code for the other device',
  'link.life': 'It works once, for ten minutes. Show it to nobody else.',
  'link.have': 'Enter a code of the new device instead',
  'link.field': 'Code on the other device',
  'link.instead': 'Show a code here instead',
  'link.ask': 'The new device shows six digits. Type them in only if you are linking a device yourself.',
  'link.digits': 'The six digits',
  'link.wrong': {
    one: 'These are not the digits that the new device shows. You have {n} more attempt.',
    other: 'These are not the digits that the new device shows. You have {n} more attempts.',
  },
  'link.confirm': 'Link the device',
  'link.adding': 'Linking…',
  'link.done': 'The device is linked',
  'link.done.text': 'Your conversations are on their way to it. Leave both devices connected until they are there.',
  'link.partly': 'The device is linked, but did not get everything yet. Leave both devices connected.',
  'link.again': 'Begin again',
  'link.lead': 'Take a device that has your account. There, open Settings, Devices, Link a device.',
  'link.host': 'Where both devices meet, if this one shows the code.',
  'link.show.new':
    'On a device that has your account, open Settings, Devices, Link a device. Choose to enter a code there, and enter this one.',
  'link.becomes': 'This device becomes one of',
  'link.becomes.not': 'If that is not your address, cancel.',
  'link.type': 'Type these digits in on the other device:',
  'recover.lead':
    'For when none of your devices is left. If you still have one, link this device instead: that brings your messages along.',
  'recover.address': 'Your address',
  'recover.after':
    'Your conversations come back one by one, as the others’ devices let this one in. Earlier messages are not in the key and do not come back. For the people you write to you stay the same.',
  recover: 'Get my account back',
  'recover.busy': 'Asking your server…',
  'resume.title': 'Linking was interrupted',
  'resume.text': 'Asking your server whether this device was linked…',
  'error.link-code': 'This is not a code for linking devices. Check each character.',
  'error.link-unknown':
    'Nobody waits with this code: it was used, or is older than ten minutes. Begin again with a new one.',
  'error.link-used':
    'Somebody else used the same code. Nothing was linked. Begin again where nobody else sees the code.',
  'error.link-digits': 'The digits were wrong three times. Nothing was linked. Begin again with a new code.',
  'error.link-cancelled': 'The other device ended this. Nothing was linked. Begin again with a new code.',
  'error.link-silent': 'The other device does not answer any more. Nothing was linked. Begin again with a new code.',
  'error.link-expired': 'The ten minutes of the code are over. Nothing was linked. Begin again with a new one.',
  'error.link-changed':
    'What arrived is not what the other device sent. Nothing was linked. Begin again, and tell whoever runs your server if it happens once more.',
  'error.link-chain':
    'The server shows another state of the account than your other device has. Nothing was linked. Try again, and tell whoever runs it if it happens once more.',
  'error.link-late':
    'Your server did not say whether the device was linked. Look at the list of devices once it answers.',
  'error.many-devices': 'Your account has 16 devices and cannot have more. Remove one first.',
  'error.no-device': 'Your account has no such device any more. Look at the list again.',
  'error.last-device': 'This is your only device. Erase it in the settings instead.',
} satisfies Record<string, Entry>;
