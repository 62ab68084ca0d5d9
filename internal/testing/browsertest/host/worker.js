// SPDX-License-Identifier: AGPL-3.0-or-later
"use strict";

importScripts("/wasm_exec.js");

const decoder = new TextDecoder();
globalThis.fs.writeSync = (_, bytes) => {
	postMessage({ text: decoder.decode(bytes, { stream: true }) });
	return bytes.length;
};

onmessage = async ({ data }) => {
	const go = new Go();
	go.argv = ["test", ...data.args];
	go.env = data.env;
	let code = 2;
	go.exit = (c) => { code = c; };
	try {
		const { instance } = await WebAssembly.instantiateStreaming(fetch("/test.wasm"), go.importObject);
		await go.run(instance);
	} catch (error) {
		postMessage({ text: `${error}\n` });
	}
	postMessage({ exit: code });
	close(); // nothing calls into a program that has ended
};
