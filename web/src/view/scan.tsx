// SPDX-License-Identifier: AGPL-3.0-or-later

import { h, type VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { t } from '../model/i18n';
import { Problem } from './parts';

const pause = 150;

type Reader = (video: HTMLVideoElement) => Promise<string>;

/** Looks for a code through the camera until it finds one. */
export function Scanner({ onFound }: { onFound: (text: string) => void }): VNode {
  const video = useRef<HTMLVideoElement>(null);
  const [problem, setProblem] = useState('');
  useEffect(() => {
    let ended = false;
    let stream: MediaStream | undefined;
    const look = async () => {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'environment' } });
      const el = video.current;
      if (ended || !el) return stream.getTracks().forEach((x) => x.stop());
      el.srcObject = stream;
      await el.play();
      const read = await reader();
      while (!ended) {
        const text = await read(el);
        if (text && !ended) return onFound(text);
        await new Promise((done) => setTimeout(done, pause));
      }
    };
    look().catch((e: Error) => ended || setProblem(t(e.name === 'NotAllowedError' ? 'camera.denied' : 'camera.none')));
    return () => {
      ended = true;
      stream?.getTracks().forEach((x) => x.stop());
    };
  }, []);
  if (problem) return <Problem text={problem} />;
  return (
    <div class="scanner">
      <video ref={video} muted playsInline aria-label={t('camera')} />
      <span class="aim" aria-hidden="true" />
    </div>
  );
}

/** The browser's own reader where it has one, else one that is loaded now. */
async function reader(): Promise<Reader> {
  if (typeof BarcodeDetector === 'function') {
    const detector = new BarcodeDetector({ formats: ['qr_code'] });
    return (video) =>
      detector.detect(video).then(
        ([code]) => code?.rawValue ?? '',
        () => '',
      );
  }
  const { default: jsQR } = await import('jsqr');
  const canvas = document.createElement('canvas');
  const context = canvas.getContext('2d', { willReadFrequently: true })!;
  return (video) => {
    const scale = Math.min(1, 640 / Math.max(1, video.videoWidth));
    canvas.width = Math.max(1, video.videoWidth * scale);
    canvas.height = Math.max(1, video.videoHeight * scale);
    context.drawImage(video, 0, 0, canvas.width, canvas.height);
    const { data, width, height } = context.getImageData(0, 0, canvas.width, canvas.height);
    return Promise.resolve(jsQR(data, width, height)?.data ?? '');
  };
}
