// SPDX-License-Identifier: AGPL-3.0-or-later
"use strict";

// start runs the tests in a worker, which reports to the binding of that name.
function start(order, binding) {
	const report = (message) => globalThis[binding](JSON.stringify(message));
	const worker = new Worker("worker.js");
	worker.onmessage = (event) => report(event.data);
	worker.onerror = (event) => report({ fatal: event.message || "the worker could not be started" });
	// A page that is left may live on in the browser's back/forward cache, with
	// its worker frozen and the worker's locks held.
	addEventListener("pagehide", () => worker.terminate());
	worker.postMessage(order);
	return true;
}
