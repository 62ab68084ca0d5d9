// SPDX-License-Identifier: AGPL-3.0-or-later

// What lies beside the store: the sealed key of the store, and the key of this
// device, which no script can read where the browser can store such keys.

const DATABASE = 'securecrypt device';
const TABLE = 'keys';
const SEALED = 'sealed';
const DEVICE = 'device';
const NONCE_SIZE = 12;
const KEY_SIZE = 32;

/** A key that no script can read, or the bytes of one where the browser refuses to store keys, as WebKitGTK does. */
type DeviceKey = CryptoKey | Uint8Array<ArrayBuffer>;

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error!);
  });
}

async function open(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(TABLE);
  return settled(request);
}

interface Kept {
  sealed?: Uint8Array;
  device?: DeviceKey;
}

async function read(): Promise<Kept> {
  const db = await open();
  try {
    const table = db.transaction(TABLE).objectStore(TABLE);
    const [sealed, device] = await Promise.all([
      settled(table.get(SEALED) as IDBRequest<Uint8Array | undefined>),
      settled(table.get(DEVICE) as IDBRequest<DeviceKey | undefined>),
    ]);
    return { sealed, device };
  } finally {
    db.close();
  }
}

/** What was read and has not been changed since. */
let kept: Promise<Kept> | null = null;

function current(): Promise<Kept> {
  return (kept ??= read().catch((e) => {
    kept = null;
    throw e;
  }));
}

current().catch(() => undefined); // ahead, while the core is being compiled

async function write(change: (table: IDBObjectStore) => void): Promise<void> {
  const db = await open();
  try {
    await new Promise<void>((resolve, reject) => {
      const t = db.transaction(TABLE, 'readwrite', { durability: 'strict' });
      t.oncomplete = () => resolve();
      t.onabort = () => reject(t.error!);
      try {
        change(t.objectStore(TABLE));
      } catch (e) {
        t.abort(); // or what came before would be stored without the rest
        reject(e);
      }
    });
  } finally {
    db.close();
  }
}

export const keys = async () => (await current()).sealed;

/** The key of this device that sealed what is to be kept next. What a passphrase seals needs none. */
let fresh: DeviceKey | null = null;

/** Keeps the sealed key, and the key of the device if that sealed it; null removes both. */
export async function setKeys(sealed: Uint8Array | null): Promise<void> {
  try {
    await write((table) => {
      table.clear();
      if (sealed) {
        table.put(sealed, SEALED);
      }
      if (sealed && fresh) {
        table.put(fresh, DEVICE);
      }
    });
    fresh = null;
  } finally {
    kept = null;
  }
}

function usable(key: DeviceKey): Promise<CryptoKey> | CryptoKey {
  return 'byteLength' in key ? crypto.subtle.importKey('raw', key, 'AES-GCM', false, ['encrypt', 'decrypt']) : key;
}

async function deviceKey(): Promise<DeviceKey> {
  const bytes = crypto.getRandomValues(new Uint8Array(KEY_SIZE));
  const key = await usable(bytes);
  return (await storable(key)) ? key : bytes;
}

/** Reports whether the browser stores a value, and stores nothing. */
async function storable(value: CryptoKey): Promise<boolean> {
  const db = await open();
  const t = db.transaction(TABLE, 'readwrite');
  try {
    t.objectStore(TABLE).put(value, DEVICE);
    return true;
  } catch {
    return false;
  } finally {
    t.abort();
    db.close();
  }
}

export async function seal(plain: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const iv = crypto.getRandomValues(new Uint8Array(NONCE_SIZE));
  fresh = await deviceKey();
  const box = new Uint8Array(await crypto.subtle.encrypt({ name: 'AES-GCM', iv }, await usable(fresh), plain));
  const sealed = new Uint8Array(NONCE_SIZE + box.length);
  sealed.set(iv);
  sealed.set(box, NONCE_SIZE);
  return sealed;
}

export async function unseal(sealed: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const iv = sealed.slice(0, NONCE_SIZE);
  const { device: key } = await current();
  if (!key) {
    throw new Error('the key of this device is gone');
  }
  return new Uint8Array(
    await crypto.subtle.decrypt({ name: 'AES-GCM', iv }, await usable(key), sealed.slice(NONCE_SIZE)),
  );
}
