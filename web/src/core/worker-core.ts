// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Request, Response } from '../worker/wire';
import type { AttachmentRef, Calls, Events, Problem } from './api.gen';
import { type Core, CoreError } from './core';
import { take, takes } from './seat';
import { scriptURL } from './trusted';

interface Pending {
  resolve(response: { answer?: unknown; file?: Blob }): void;
  reject(reason: Error): void;
}

type Listener = (event: never) => void;

interface Line {
  worker: SharedWorker | Worker;
  port: MessagePort | Worker;
  outlives: boolean;
  leave: (kept: boolean) => void;
}

const url = scriptURL(__WORKER__);
/** It begins before the rest of the page's scripts runs. */
const early = typeof SharedWorker === 'undefined' ? null : shared();

/**
 * Connects to the core, which runs in a worker: in one for all tabs, if the
 * browser has shared workers. Otherwise one tab at a time has a worker. When
 * another tab takes over, yields is called, and the worker ends after it.
 * Rejects with Elsewhere if the core runs in another tab. If the core cannot
 * begin, or ends, all calls are rejected with the reason, and fails is told.
 */
export async function connect(yields: () => Promise<void>, fails: (reason: CoreError) => void): Promise<Core> {
  return attach(early ?? begin(await alone(yields)), fails);
}

function begin(line: Line): Line {
  line.port.postMessage({ kind: 'start', host: servedBy() } satisfies Request);
  return line;
}

/** One worker for all tabs, which ends what it was asked to do even if the last of them is gone (HTML, extendedLifetime). */
function shared(): Line {
  let outlives = false;
  const options: WorkerOptions & { extendedLifetime: boolean } = {
    get extendedLifetime() {
      return (outlives = true); // only browsers that know it ask
    },
  };
  const worker = new SharedWorker(url, options);
  const { port } = worker;
  return begin({ worker, port, outlives, leave: () => port.postMessage({ kind: 'leave' } satisfies Request) });
}

/** Starts a worker of this tab's own. */
async function alone(yields: () => Promise<void>): Promise<Line> {
  let worker: Worker | undefined;
  const seat = await take(navigator.locks, takes() ? 'anybody' : 'nobody', () => void yields().finally(() => worker?.terminate()));
  const mine = (worker = new Worker(url));
  const leave = (kept: boolean) => {
    if (!kept) return; // it ends with the page, and has a moment until then
    mine.terminate();
    seat.leave();
  };
  return { worker: mine, port: mine, outlives: false, leave };
}

function attach({ worker, port, outlives, leave }: Line, fails: (reason: CoreError) => void): Core {
  const pending = new Map<number, Pending>();
  const listeners = new Map<string, Set<Listener>>();
  let last = 0;

  const fail = ({ code, text }: Problem) => {
    const reason = new CoreError(code, text);
    pending.forEach((p) => p.reject(reason));
    pending.clear();
    fails(reason);
  };
  worker.onerror = () => fail({ code: 'failed', text: '' }); // its script could not be loaded
  port.onmessage = ({ data }: MessageEvent<Response>) => {
    if (data.kind === 'events') {
      for (const { name, data: event } of data.events) {
        listeners.get(name)?.forEach((fn) => fn(event as never));
      }
    } else if (data.kind === 'failed') {
      fail(data.problem);
    } else {
      const p = pending.get(data.id);
      pending.delete(data.id);
      if (data.problem) {
        p?.reject(new CoreError(data.problem.code, data.problem.text));
      } else {
        p?.resolve(data);
      }
    }
  };
  const post = (request: Request) => port.postMessage(request);

  function ask(name: string, params: unknown, files: Blob[], signal?: AbortSignal): Promise<{ answer?: unknown; file?: Blob }> {
    return new Promise((resolve, reject) => {
      const id = ++last;
      pending.set(id, { resolve, reject });
      post({ kind: 'call', id, name, params, files });
      signal?.addEventListener('abort', () => post({ kind: 'abort', id }), { once: true });
    });
  }

  return {
    async call<K extends keyof Calls>(name: K, params: Calls[K][0], files: Blob[] = []) {
      return (await ask(name, params, files)).answer as Calls[K][1];
    },
    async attachment(ref: AttachmentRef, signal?: AbortSignal) {
      return (await ask('attachment', ref, [], signal)).file ?? new Blob();
    },
    on<K extends keyof Events>(name: K, fn: (event: Events[K]) => void) {
      const all = listeners.get(name) ?? new Set();
      listeners.set(name, all.add(fn as Listener));
      return () => all.delete(fn as Listener);
    },
    outlives,
    leave,
  };
}

/** The server that this page came from, unless the page says otherwise. */
function servedBy(): string {
  return document.querySelector<HTMLMetaElement>('meta[name=securecrypt-server]')?.content ?? location.host;
}
