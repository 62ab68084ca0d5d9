// SPDX-License-Identifier: AGPL-3.0-or-later

// The worker in which the client core runs, one for all tabs where the browser
// has shared workers. It passes messages on; what they mean is the core's.

import 'wasm_exec';
import type { Events, Problem } from '../core/api.gen';
import type { Failure } from '../core/core';
import * as device from './device';
import type { CallRequest, Request, Response, Told } from './wire';

declare const Go: new () => { importObject: WebAssembly.Imports; run(instance: WebAssembly.Instance): Promise<void> };

type Done = (problem: string | null, answer: string, pieces: Uint8Array<ArrayBuffer>[] | null) => void;
type Call = (id: number, name: string, params: string, files: Blob[], done: Done) => void;

interface Core {
  call: Call;
  abort: (id: number) => void;
}

interface Port {
  postMessage(response: Response): void;
  onmessage: ((event: MessageEvent) => void) | null;
  addEventListener(name: 'close', fn: () => void): void;
}

/** How long, in milliseconds, a profile stays open without a page, for one that is loaded anew. */
const lingers = 5000;

/** What waits for the browser's database before anything is shown, and how long, in milliseconds, it may. */
const opening = ['hello', 'unlock'];
const openingTakes = 60_000;

/** Pages wait for this lock, to learn when the worker has ended. */
void navigator.locks.request(location.pathname, () => new Promise(() => undefined));

const ports = new Set<Port>();
let core: Promise<Core> | undefined;
let calls = 0;
let underWay = 0;

function tell(response: Response): void {
  for (const port of ports) {
    port.postMessage(response);
  }
}

/** Starts the core; every page that comes later uses the same. */
function start(host: string): Promise<Core> {
  if (!core) {
    core = run(host);
    core.catch(end);
  }
  return core;
}

/** A core that is gone holds the lock on the store for as long as its worker lives. */
function end(why: unknown): void {
  tell({ kind: 'failed', problem: problemOf(why) });
  globalThis.close();
}

async function run(host: string): Promise<Core> {
  const go = new Go();
  const { instance } = await WebAssembly.instantiateStreaming(fetch(__WASM__), go.importObject);
  return new Promise((resolve) => {
    const { keys, setKeys, seal, unseal } = device;
    Object.assign(globalThis, {
      securecryptHost: {
        host,
        keys,
        setKeys,
        seal,
        unseal,
        tell: (events: string) => pass(JSON.parse(events) as Told[]),
        lost: () => end({ code: 'lost', text: '' }),
        ready: (call: Call, abort: (id: number) => void) => resolve({ call, abort }),
      },
    });
    void go.run(instance).then(() => end({ code: 'failed', text: 'The core of SecureCrypt ended.' }));
  });
}

/** Passes events on. Once the profile is closed the worker ends, and its memory with all that was read goes back to the system. */
function pass(events: Told[]): void {
  tell({ kind: 'events', events });
  if (events.some(({ name, data }) => name === 'session' && (data as Events['session']).session.phase !== 'open'))
    globalThis.close();
}

/** A newer build has a worker of its own, which waits for the store: then nothing lingers. */
const builds = new BroadcastChannel('securecrypt builds');
let lingering = lingers;
builds.onmessage = () => {
  lingering = 0;
  void rest();
};
builds.postMessage('');

/** Closes the profile and ends, once no page is left and all that was asked for is done. */
async function rest(): Promise<void> {
  const running = await core;
  if (running && idle()) running.call(++calls, 'rest', '{}', [], () => idle() && globalThis.close());
}

const restLater = () => setTimeout(() => void rest(), lingering);

const idle = () => !ports.size && !underWay;

/** How often, in milliseconds, the worker notes that it runs, and how long what was held back meanwhile takes to arrive. */
const beats = 1000;
const arrives = 300;
let beat = Date.now();
/** Calls wait until it is known whether the profile stays open. */
let awake = Promise.resolve();

/**
 * Locks the profile if the browser suspended the worker with all of its pages,
 * as WebKit does, and they are gone: then the moment in which it should have
 * been closed has passed. A device that slept still has its pages.
 */
function wake(): void {
  const gap = Date.now() - beat;
  beat = Date.now();
  if (gap < lingers) return;
  const before = [...ports];
  awake = new Promise((done) => setTimeout(done, arrives)).then(async () => {
    const running = await core;
    if (!running || before.some((port) => ports.has(port))) return;
    await new Promise<void>((done) => running.call(++calls, 'lock', '{}', [], () => done()));
  });
}
setInterval(wake, beats);

/** A page may leave at any time: its calls go on, their answers go nowhere. */
function serve(port: Port): void {
  const numbers = new Map<number, number>();
  wake();
  ports.add(port);
  const left = () => {
    ports.delete(port);
    if (!ports.size) restLater();
  };
  port.addEventListener('close', left); // of a page that could not say so
  const answerTo = async (running: Core, data: CallRequest) => {
    const number = ++calls;
    numbers.set(data.id, number);
    underWay++;
    try {
      port.postMessage(await answer(running, number, data));
    } catch (e) {
      port.postMessage({ kind: 'answer', id: data.id, problem: problemOf(e) });
    } finally {
      underWay--;
      numbers.delete(data.id);
      if (!ports.size) restLater();
    }
  };
  const take = async (data: Request): Promise<unknown> => {
    if (data.kind === 'leave') return left();
    if (data.kind === 'here') return navigator.locks.request(data.page, left);
    if (data.kind === 'start') return start(data.host);
    if (!core) return refuse('failed', 'The page did not start the core.');
    await awake;
    const running = await core;
    if (data.kind === 'abort') return running.abort(numbers.get(data.id) ?? 0);
    if (isCall(data)) return answerTo(running, data);
    refuse('input', 'The page asked for something in a way that nobody understands.');
  };
  const fail = (problem: Problem) => port.postMessage({ kind: 'failed', problem });
  const refuse = (code: Problem['code'], text: string) => fail({ code, text });
  port.onmessage = ({ data }: MessageEvent<Request>) => void take(data).catch((e) => fail(problemOf(e)));
}

/** Whether the core can take it: what it cannot would end it, for all pages. */
function isCall({ kind, id, name, files }: Partial<CallRequest>): boolean {
  return (
    kind === 'call' &&
    typeof id === 'number' &&
    typeof name === 'string' &&
    Array.isArray(files) &&
    files.every((f) => f instanceof Blob)
  );
}

function answer(running: Core, number: number, { id, name, params, files }: CallRequest): Promise<Response> {
  return new Promise((resolve) => {
    const late = opening.includes(name)
      ? setTimeout(end, openingTakes, { code: 'stuck', text: '' } satisfies Failure)
      : undefined;
    running.call(number, name, JSON.stringify(params), files, (problem, result, pieces) => {
      clearTimeout(late);
      if (problem !== null) {
        resolve({ kind: 'answer', id, problem: JSON.parse(problem) as Problem });
      } else {
        resolve({ kind: 'answer', id, answer: JSON.parse(result), file: pieces ? new Blob(pieces) : undefined });
      }
    });
  });
}

function problemOf(e: unknown): Problem {
  if (typeof e === 'object' && e !== null && 'code' in e && 'text' in e && typeof e.text === 'string') {
    return e as Problem;
  }
  return { code: 'failed', text: e instanceof Error ? e.message : String(e) };
}

if ('onconnect' in globalThis) {
  globalThis.addEventListener('connect', (event) => serve((event as MessageEvent).ports[0]!));
} else {
  serve(globalThis);
}
