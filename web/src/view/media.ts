// SPDX-License-Identifier: AGPL-3.0-or-later

// Pictures and sounds, made on the device.

import { harmless } from '../model/text';

/** The longest side of a picture that is sent, in pixels. */
const longestSide = 2560;
/** Names of pictures, for those that come without a type. */
const pictures = /\.(jpe?g|png|webp|gif|avif|bmp|hei[cf]|tiff?|jxl|dng|cr[23w]|nef|arw|raf|orf|rw2)$/i;

export interface Picture {
  blob: Blob;
  name: string;
}

/** Whether a file is a picture, which may say where and with what it was taken. */
export function isPhoto(file: File): boolean {
  return file.type && file.type !== 'application/octet-stream'
    ? file.type.startsWith('image/')
    : pictures.test(file.name);
}

/**
 * A moving picture (GIF89a) without its comments and whatever else programs added, but
 * for how often it moves; null if it does not move, or is damaged.
 */
export function bareGif(b: Uint8Array<ArrayBuffer>): Picture | null {
  const table = (flags = 0) => (flags & 0x80 ? 6 << (flags & 7) : 0);
  const blocks = (at: number) => {
    while (b[at]) at += b[at]! + 1;
    return at + 1;
  };
  const [width, height] = [6, 8].map((at) => b[at]! | (b[at + 1]! << 8));
  const loops = (at: number) =>
    ['NETSCAPE2.0', 'ANIMEXTS1.0'].includes(String.fromCharCode(...b.subarray(at + 3, at + 14)));
  let at = 13 + table(b[10]);
  const parts = [b.subarray(0, at)];
  for (let frames = 0; at < b.length;) {
    const begin = at;
    if (b[at] === 0x3b)
      return frames > 1
        ? {
            blob: new Blob([...parts, b.subarray(at, at + 1)], { type: 'image/gif' }),
            name: `photo-${width}x${height}.gif`,
          }
        : null;
    const frame = b[at] === 0x2c;
    if (!frame && b[at] !== 0x21) return null;
    at = frame ? blocks(at + 11 + table(b[at + 9])) : blocks(at + 2);
    if (frame) frames++;
    if (frame || b[begin + 1] === 0xf9 || (b[begin + 1] === 0xff && loops(begin))) parts.push(b.subarray(begin, at));
  }
  return null;
}

/**
 * Draws a picture anew, so that where and with what it was taken is gone. Its
 * name says its size, for whoever shows it to keep the place free.
 */
export async function redraw(file: Blob): Promise<Picture> {
  const moving = file.type === 'image/gif' ? bareGif(new Uint8Array(await file.arrayBuffer())) : null;
  if (moving) return moving;
  const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' });
  const scale = Math.min(1, longestSide / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  canvas.getContext('2d')!.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const drawn = (type: string) => new Promise<Blob | null>((done) => canvas.toBlob(done, type, 0.86));
  let blob = await drawn(/jpeg|heic/.test(file.type) ? 'image/jpeg' : 'image/webp');
  // WebKit makes a PNG instead, which is many times as large for a photo.
  if (blob?.type === 'image/png' && opaque(canvas)) {
    const other = await drawn('image/jpeg');
    if (other!.size < blob.size) blob = other;
  }
  if (!blob) throw new Error('the picture cannot be drawn');
  return { blob, name: `photo-${width}x${height}.${blob.type.split('/')[1]!.replace('jpeg', 'jpg')}` };
}

function opaque(canvas: HTMLCanvasElement): boolean {
  const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
  return !data.some((value, i) => i % 4 > 2 && value < 255);
}

/** The size that a picture's name tells, or that of a usual one. */
export function shape(name: string): { width: number; height: number } {
  const found = /-(\d{1,5})x(\d{1,5})\.\w+$/.exec(name);
  const width = Number(found?.[1] ?? 0);
  const height = Number(found?.[2] ?? 0);
  return width && height ? { width, height } : { width: 4, height: 3 };
}

/** The loudness of a sound in n steps from 0 to 1, and its length in seconds. */
export async function waveform(sound: Blob, n: number): Promise<{ peaks: number[]; seconds: number }> {
  const context = new OfflineAudioContext(1, 1, 8000);
  const decoded = await context.decodeAudioData(await sound.arrayBuffer());
  const data = decoded.getChannelData(0);
  const step = Math.max(1, Math.floor(data.length / n));
  const peaks = Array.from({ length: n }, (_, i) => {
    let most = 0;
    for (let j = i * step; j < Math.min(data.length, (i + 1) * step); j++) most = Math.max(most, Math.abs(data[j]!));
    return most;
  });
  const top = Math.max(0.05, ...peaks);
  return { peaks: peaks.map((p) => p / top), seconds: decoded.duration };
}

/** Lets somebody keep a file. */
export function download(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const a = document.createElement('a');
  a.href = url;
  a.download = harmless(name);
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
