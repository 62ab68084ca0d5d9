// SPDX-License-Identifier: AGPL-3.0-or-later

// Pictures and sounds, made on the device.

import { harmless } from '../model/text';

/** The longest side of a picture that is sent, in pixels. */
const longestSide = 2560;
/** Pictures that some browsers have no type for. */
const pictures = /\.(hei[cf]|tiff?|jxl|dng|cr[23w]|nef|arw|raf|orf|rw2)$/i;

export interface Picture {
  blob: Blob;
  name: string;
}

/** Whether a file is a picture, which may say where and with what it was taken. */
export function isPhoto(file: File): boolean {
  return file.type ? file.type.startsWith('image/') : pictures.test(file.name);
}

/**
 * Draws a picture anew, so that where and with what it was taken is gone. Its
 * name says its size, for whoever shows it to keep the place free.
 */
export async function redraw(file: Blob): Promise<Picture> {
  const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' });
  const scale = Math.min(1, longestSide / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  canvas.getContext('2d')!.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  const type = file.type === 'image/jpeg' || file.type === 'image/heic' ? 'image/jpeg' : 'image/webp';
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, type, 0.86));
  if (!blob) throw new Error('the picture cannot be drawn');
  return { blob, name: `photo-${width}x${height}.${blob.type.split('/')[1]!.replace('jpeg', 'jpg')}` };
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
