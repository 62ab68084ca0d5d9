// SPDX-License-Identifier: AGPL-3.0-or-later

import { h, render } from 'preact';
import type { Core } from './core/core';
import { HeldElsewhere } from './core/tab-lock';
import { connect } from './core/worker-core';
import { App } from './model/app';
import { clock } from './model/i18n';
import { guard } from './platform/guard';
import { notify } from './platform/notify';
import { takeShared } from './platform/share';
import { surroundings } from './platform/surroundings';
import { Root } from './view/app';

const place = document.getElementById('app')!;

let running: App | undefined;

connect(
  async () => running?.yield(),
  (why) => running?.fail(why),
).then(start, (e: unknown) => start(new Failing(e)));

// A page that the browser kept has missed what happened, and its worker may have ended.
addEventListener('pageshow', (e) => e.persisted && location.reload());

// A file that is let go where nothing takes it would be opened in the place of the page.
for (const kind of ['dragover', 'drop'] as const) addEventListener(kind, refuse);

function refuse(e: DragEvent): void {
  if (e.defaultPrevented || !e.dataTransfer?.types.includes('Files')) return;
  e.preventDefault();
  e.dataTransfer.dropEffect = 'none';
}

function start(core: Core): void {
  const app = new App(core, surroundings());
  running = app;
  if (core instanceof Failing && core.why instanceof HeldElsewhere) app.elsewhere.value = true;
  else if (core instanceof Failing) app.fail(core.why);
  addEventListener('popstate', () => app.follow(location.hash));
  guard(app);
  notify(app);
  place.replaceChildren();
  render(h(Root, { app }), place);
  document.addEventListener('visibilitychange', () => document.hidden && void app.saveDrafts());
  addEventListener('beforeunload', (e) => {
    if (!app.unsaved) return;
    void app.saveDrafts();
    e.preventDefault(); // the browser asks
  });
  addEventListener('pagehide', (e) => {
    void app.saveDrafts();
    core.leave(e.persisted);
  });
  if (!(core instanceof Failing)) void app.start();
  clock(Date.now()); // the browser learns to write times while the core starts
  void takeShared(app);
  keepFiles(app);
}

/** A core that could not be started: every call says why. */
class Failing implements Core {
  constructor(readonly why: unknown) {}
  readonly call = (): Promise<never> => Promise.reject(this.why);
  readonly attachment = this.call;
  readonly on = () => () => undefined;
  readonly outlives = false;
  readonly leave = () => undefined;
}

/** Keeps the application for starting offline, and offers newer ones. */
function keepFiles(app: App): void {
  if (!('serviceWorker' in navigator)) return;
  let old = navigator.serviceWorker.controller;
  const offer = ({ active }: ServiceWorkerRegistration, worker: ServiceWorker | null) => {
    if (!worker || !active || active === worker) return; // the first one takes the place of none
    app.update.value = () => worker.postMessage('update');
  };
  navigator.serviceWorker.addEventListener('controllerchange', () => {
    if (old) void app.saveDrafts().then(() => location.reload()); // in all tabs: they share one core
    old = navigator.serviceWorker.controller;
  });
  navigator.serviceWorker.register(securecryptLine.scriptURL('/sw.js')).then(
    (registration) => {
      offer(registration, registration.waiting);
      registration.addEventListener('updatefound', () => {
        const fresh = registration.installing;
        fresh?.addEventListener('statechange', () => fresh.state === 'installed' && offer(registration, fresh));
      });
    },
    () => undefined,
  );
}
