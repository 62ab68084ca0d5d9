// SPDX-License-Identifier: AGPL-3.0-or-later

import { h, type VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Attachment, Message } from '../core/api.gen';
import { playTime, t } from '../model/i18n';
import { useOffered } from './blobs';
import { waveform } from './media';
import { Icon } from './parts';

const bars = 40;
/** Longer sounds, in bytes and seconds, have no waveform: it takes all of the sound, unpacked. */
const drawn = { bytes: 1 << 20, seconds: 900 };
const speeds = [1, 1.5, 2];

/** A sound as its waveform, which is also where it is played; a card of its file, if this browser cannot play it. */
export function Voice({ m, a, card }: { m: Message; a: Attachment; card: VNode }): VNode {
  const loaded = useOffered(m, a);
  const audio = useRef<HTMLAudioElement>(null);
  const [wave, setWave] = useState<{ peaks: number[]; seconds: number } | null>(null);
  const [length, setLength] = useState(0);
  const [at, setAt] = useState(0);
  const [playing, setPlaying] = useState(false);
  const [speed, setSpeed] = useState(0);
  const [mute, setMute] = useState(false);
  useEffect(() => setMute(false), [loaded.url]); // the one before may have gone while it was read
  useEffect(() => {
    let stale = false;
    // What was recorded by a browser does not say how long it is.
    if (loaded.blob && length && loaded.blob.size <= drawn.bytes && (length === Infinity || length <= drawn.seconds))
      waveform(loaded.blob, bars).then(
        (w) => stale || setWave(w),
        () => undefined,
      );
    return () => void (stale = true);
  }, [loaded.blob, length]);
  const seconds = wave?.seconds ?? (length < Infinity ? length : 0);
  const toggle = () => {
    const el = audio.current;
    if (loaded.failed || loaded.waits) loaded.again();
    else if (el?.paused)
      el.play().catch(() => undefined); // it says so by an event
    else el?.pause();
  };
  const faster = () => {
    const next = (speed + 1) % speeds.length;
    setSpeed(next);
    if (audio.current) audio.current.playbackRate = speeds[next]!;
  };
  const seek = (to: number) => {
    if (audio.current && seconds) audio.current.currentTime = to;
    setAt(to);
  };
  if (mute) return card;
  const action = playing ? 'pause' : 'play';
  return (
    <div class="voice ltr">
      <button
        type="button"
        class="icon-button filled"
        aria-label={t(loaded.failed ? 'try-again' : action)}
        disabled={!loaded.url && !loaded.failed && !loaded.waits}
        onClick={toggle}
      >
        <Icon name={loaded.failed ? 'retry' : action} />
      </button>
      <div class="wave">
        <Wave peaks={wave?.peaks ?? []} done={seconds ? at / seconds : 0} />
        <input
          type="range"
          aria-label={t('position')}
          min={0}
          max={Math.max(1, seconds)}
          step={0.1}
          value={at}
          aria-valuetext={playTime(at)}
          disabled={!seconds}
          onInput={(e) => seek(Number(e.currentTarget.value))}
        />
        <span class="figures">{playTime(playing || at ? at : seconds)}</span>
      </div>
      <button
        type="button"
        class="speed figures"
        aria-label={t('speed', { speed: String(speeds[speed]) })}
        onClick={faster}
      >
        {speeds[speed]}×
      </button>
      {loaded.url && (
        <audio
          ref={audio}
          src={loaded.url}
          preload="metadata"
          autoPlay={loaded.asked}
          onError={() => setMute(true)}
          onLoadedMetadata={(e) => setLength(e.currentTarget.duration)}
          onPlay={() => setPlaying(true)}
          onPause={() => setPlaying(false)}
          onTimeUpdate={(e) => setAt(e.currentTarget.currentTime)}
          onEnded={() => {
            setPlaying(false);
            setAt(0);
          }}
        />
      )}
    </div>
  );
}

export function Wave({ peaks, done }: { peaks: number[]; done: number }): VNode {
  const all = peaks.length ? peaks : Array.from({ length: bars }, () => 0.08);
  return (
    <svg class="bars" viewBox={`0 0 ${all.length * 4} 28`} preserveAspectRatio="none" aria-hidden="true">
      {all.map((p, i) => {
        const height = Math.max(2, p * 26);
        return (
          <rect
            key={i}
            x={i * 4}
            y={14 - height / 2}
            width={2.4}
            height={height}
            rx={1.2}
            class={i / all.length < done ? 'done' : ''}
          />
        );
      })}
    </svg>
  );
}
