// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Request, Response } from '../worker/wire';
import type { AttachmentRef, Calls, Events } from './api.gen';
import { type Core, CoreError } from './core';
import { take, takes } from './seat';
import { scriptURL } from './trusted';

interface Pending {
  resolve(response: { answer?: unknown; file?: Blob }): void;
  reject(reason: Error): void;
}

type Listener = (event: never) => void;

/**
 * Connects to the core, which runs in a worker: in one for all tabs, if the
 * browser has shared workers. Otherwise one tab at a time has a worker. When
 * another tab takes over, yields is called, and the worker ends after it.
 * Rejects with a CoreError if the core cannot begin, and with Elsewhere if it
 * runs in another tab.
 */
export async function connect(yields: () => Promise<void>): Promise<Core> {
  const url = scriptURL(__WORKER__);
  const [port, leave] = typeof SharedWorker === 'undefined' ? await alone(url, yields) : shared(url);
  return new Promise((resolve, reject) => {
    const core = attach(port, leave, () => resolve(core), reject);
  });
}

type Line = [port: MessagePort | Worker, leave: () => void];

/** One worker for all tabs, which ends what it was asked to do even if the last of them is gone (HTML, extendedLifetime). */
function shared(url: string): Line {
  const options: WorkerOptions & { extendedLifetime: boolean } = { extendedLifetime: true };
  const { port } = new SharedWorker(url, options);
  return [port, () => port.postMessage({ kind: 'leave' } satisfies Request)];
}

/** Starts a worker of this tab's own. */
async function alone(url: string, yields: () => Promise<void>): Promise<Line> {
  let worker: Worker | undefined;
  const seat = await take(navigator.locks, takes() ? 'anybody' : 'nobody', () => void yields().finally(() => worker?.terminate()));
  const mine = (worker = new Worker(url));
  return [mine, () => {
    mine.terminate();
    seat.leave();
  }];
}

function attach(port: MessagePort | Worker, leave: () => void, onStart: () => void, onFailure: (reason: CoreError) => void): Core {
  const pending = new Map<number, Pending>();
  const listeners = new Map<string, Set<Listener>>();
  let last = 0;

  port.onmessage = ({ data }: MessageEvent<Response>) => {
    if (data.kind === 'events') {
      for (const { name, data: event } of data.events) {
        listeners.get(name)?.forEach((fn) => fn(event as never));
      }
    } else if (data.kind === 'failed') {
      const reason = new CoreError(data.problem.code, data.problem.text);
      pending.forEach((p) => p.reject(reason));
      pending.clear();
      onFailure(reason);
    } else if (data.kind === 'started') {
      onStart();
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

  post({ kind: 'start', host: servedBy() });
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
    leave,
  };
}

/** The server that this page came from, unless the page says otherwise. */
function servedBy(): string {
  return document.querySelector<HTMLMetaElement>('meta[name=securecrypt-server]')?.content ?? location.host;
}
