// SPDX-License-Identifier: AGPL-3.0-or-later

import type { Request, Response } from '../worker/wire';
import type { AttachmentRef, Calls, Events } from './api.gen';
import { type Core, CoreError, type Failure } from './core';
import type { Line } from './line';
import { acquire, reacquires } from './tab-lock';

const { begin, early, first, url } = securecryptLine;

interface Answer {
  answer?: unknown;
  file?: Blob;
}

interface Pending {
  resolve(response: Answer): void;
  reject(reason: Error): void;
}

type Listener = (event: never) => void;

/**
 * Connects to the core, which runs in a worker: in one for all tabs, if the
 * browser has shared workers. Otherwise one tab at a time has a worker. When
 * another tab takes over, yields is called, and the worker ends after it.
 * Rejects with HeldElsewhere if the core runs in another tab. If the core cannot
 * begin, or ends, all calls are rejected with the reason, and fails is told.
 */
export async function connect(yields: () => Promise<void>, fails: (reason: CoreError) => void): Promise<Core> {
  return attach(early ?? (await alone(yields)), fails);
}

/** Starts a worker of this tab's own. */
async function alone(yields: () => Promise<void>): Promise<Line> {
  let worker: Worker | undefined;
  const lock = await acquire(
    navigator.locks,
    reacquires() ? 'anybody' : 'nobody',
    () => void yields().finally(() => worker?.terminate()),
  );
  const mine = (worker = new Worker(url));
  const leave = (kept: boolean) => {
    if (!kept) return; // it ends with the page, and has a moment until then
    mine.terminate();
    lock.leave();
  };
  return begin(mine, { port: mine, outlives: false, leave });
}

function attach({ port, lost, outlives, leave }: Line, fails: (reason: CoreError) => void): Core {
  const pending = new Map<number, Pending>();
  const listeners = new Map<string, Set<Listener>>();
  let last = 0;

  const fail = ({ code, text }: Failure) => {
    const reason = new CoreError(code, text);
    pending.forEach((p) => p.reject(reason));
    pending.clear();
    fails(reason);
  };
  void lost.then(() => fail({ code: 'failed', text: '' }));
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

  const answerTo = (id: number) => new Promise<Answer>((resolve, reject) => pending.set(id, { resolve, reject }));

  function ask(name: string, params: unknown, files: Blob[], signal?: AbortSignal): Promise<Answer> {
    const id = ++last;
    post({ kind: 'call', id, name, params, files });
    signal?.addEventListener('abort', () => post({ kind: 'abort', id }), { once: true });
    return answerTo(id);
  }

  const made = new Map<string, Promise<Answer>>();
  for (const [name, params] of Object.entries(first)) {
    const answer = answerTo(++last);
    answer.catch(() => undefined); // nobody may ask
    made.set(spelt(name, params), answer);
  }
  /** The answer to a call that was made as the line began, once. */
  const foreseen = (name: string, params: unknown) => {
    const answer = made.get(spelt(name, params));
    made.delete(spelt(name, params));
    return answer;
  };

  return {
    async call<K extends keyof Calls>(name: K, params: Calls[K][0], files: Blob[] = []) {
      return (await (foreseen(name, params) ?? ask(name, params, files))).answer as Calls[K][1];
    },
    async attachment(ref: AttachmentRef, signal?: AbortSignal) {
      return (await ask('attachment', ref, [], signal)).file ?? new Blob();
    },
    on<K extends keyof Events>(name: K, fn: (event: Events[K]) => void) {
      const all = listeners.get(name) ?? new Set();
      listeners.set(name, all.add(fn));
      return () => all.delete(fn);
    },
    outlives,
    leave,
  };
}

const spelt = (name: string, params: unknown) => name + JSON.stringify(params);
