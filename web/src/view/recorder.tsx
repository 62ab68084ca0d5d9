// SPDX-License-Identifier: AGPL-3.0-or-later

import { h, type VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { playTime, t } from '../model/i18n';
import { IconButton, Problem, useApp } from './parts';
import { Wave } from './voice';

const formats = ['audio/webm;codecs=opus', 'audio/mp4', 'audio/ogg;codecs=opus'];
const shownBars = 48;

function ending(type: string): string {
  if (/mp4/.test(type)) return 'm4a';
  return /ogg/.test(type) ? 'ogg' : 'webm';
}

/** Records a voice message in the place of the composer. */
export function Recorder({ id, onEnd }: { id: string; onEnd: () => void }): VNode {
  const app = useApp();
  const [seconds, setSeconds] = useState(0);
  const [levels, setLevels] = useState<number[]>([]);
  const [problem, setProblem] = useState('');
  const stop = useRef<(keep: boolean) => void>(() => undefined);
  useEffect(() => {
    let ended = false;
    record(
      (level, s) => {
        setSeconds(s);
        setLevels((all) => [...all, level].slice(-shownBars));
      },
      (blob, keep) => {
        if (!keep || !blob.size) return;
        app.composer(id).attach(blob, `voice.${ending(blob.type)}`, '');
        void app.send(id);
      },
    ).then(
      (end) => (ended ? end(false) : void (stop.current = end)),
      (e: Error) => setProblem(t(e.name === 'NotAllowedError' ? 'microphone.denied' : 'microphone.none')),
    );
    return () => {
      stop.current(false);
      ended = true;
    };
  }, []);
  const finish = (keep: boolean) => {
    stop.current(keep);
    stop.current = () => undefined;
    requestAnimationFrame(onEnd);
  };
  if (problem)
    return (
      <div class="write recording">
        <Problem text={problem} />
        <IconButton icon="close" label={t('close')} onClick={onEnd} />
      </div>
    );
  return (
    <div class="write recording" role="group" aria-label={t('record')}>
      <IconButton icon="trash" label={t('cancel')} onClick={() => finish(false)} />
      <span class="dot" />
      <span class="figures" role="timer">
        {playTime(seconds)}
      </span>
      <span class="wave ltr">
        <Wave peaks={[...Array.from({ length: shownBars - levels.length }, () => 0.05), ...levels]} done={1} />
      </span>
      <IconButton icon="send" label={t('send')} class="filled send" autofocus onClick={() => finish(true)} />
    </div>
  );
}

/** Starts recording; the returned function ends it. */
async function record(
  onLevel: (level: number, seconds: number) => void,
  onEnd: (blob: Blob, keep: boolean) => void,
): Promise<(keep: boolean) => void> {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  try {
    return listen(stream, onLevel, onEnd);
  } catch (e) {
    silence(stream);
    throw e;
  }
}

function silence(stream: MediaStream): void {
  stream.getTracks().forEach((track) => track.stop());
}

function listen(
  stream: MediaStream,
  onLevel: (level: number, seconds: number) => void,
  onEnd: (blob: Blob, keep: boolean) => void,
): (keep: boolean) => void {
  const mimeType = formats.find((f) => MediaRecorder.isTypeSupported(f));
  const recorder = new MediaRecorder(stream, { ...(mimeType && { mimeType }), audioBitsPerSecond: 32_000 });
  const parts: Blob[] = [];
  let keep = false;
  recorder.ondataavailable = (e) => parts.push(e.data);
  recorder.onstop = () => onEnd(new Blob(parts, { type: recorder.mimeType.split(';')[0]! }), keep);
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const data = new Float32Array(analyser.fftSize);
  const began = performance.now();
  const timer = setInterval(() => {
    analyser.getFloatTimeDomainData(data);
    onLevel(
      Math.min(1, 3 * data.reduce((most, v) => Math.max(most, Math.abs(v)), 0)),
      (performance.now() - began) / 1000,
    );
  }, 100);
  recorder.start();
  return (wanted) => {
    keep = wanted;
    clearInterval(timer);
    if (recorder.state !== 'inactive') recorder.stop();
    silence(stream);
    void context.close();
  };
}
