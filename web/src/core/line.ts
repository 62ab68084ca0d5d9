// SPDX-License-Identifier: AGPL-3.0-or-later

// The page's first script, small and apart: the worker starts, and is asked
// what every page asks first, while the rest of the page is still on its way.
// To the rest it is securecryptLine.

import type { Request } from '../worker/wire';
import type { Calls } from './api.gen';
import { scriptURL } from './trusted';

export { scriptURL };

/** The connection with a worker. */
export interface Line {
  port: MessagePort | Worker;
  /** Resolves if the worker's script cannot be loaded, and when the worker has ended. */
  lost: Promise<void>;
  outlives: boolean;
  leave: (kept: boolean) => void;
}

/** Calls that are made as a line begins, numbered from 1. Their answers wait for whoever makes the same call first. */
export const first: { [K in keyof Calls]?: Calls[K][0] } = {
  hello: {},
  conversations: { recent: true, after: '' },
};

export const url = scriptURL(__WORKER__);
/** The line to a worker for all tabs, if the browser has such. */
export const early = typeof SharedWorker === 'undefined' ? null : shared();

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
  const page = `page ${Math.random()}`;
  const post = (request: Request) => port.postMessage(request);
  let release = () => {};
  // A page that went without a word, or whose last word was lost, has no lock any more.
  void navigator.locks.request(page, () => {
    post({ kind: 'here', page });
    return new Promise<void>((done) => (release = done));
  });
  const leave = () => {
    post({ kind: 'leave' });
    release();
  };
  return begin(worker, { port, outlives, leave });
}

/** Makes the first calls on a new line. */
export function begin(worker: Worker | SharedWorker, line: Omit<Line, 'lost'>): Line {
  const post = (request: Request) => line.port.postMessage(request);
  const lost = new Promise<void>((done) => {
    worker.onerror = () => done();
    // The worker has a lock for as long as it lives, and got it before it says anything.
    const ends = () => void navigator.locks.request(__WORKER__, { mode: 'shared' }, () => done());
    (line.port as EventTarget).addEventListener('message', ends, { once: true });
  });
  post({ kind: 'start', host: servedBy() });
  Object.entries(first).forEach(([name, params], i) => post({ kind: 'call', id: i + 1, name, params, files: [] }));
  return { ...line, lost };
}

/** The server that this page came from, unless the page says otherwise. */
function servedBy(): string {
  return document.querySelector<HTMLMetaElement>('meta[name=securecrypt-server]')?.content ?? location.host;
}
