// SPDX-License-Identifier: AGPL-3.0-or-later

package pagetest

import "testing"

// If recording cannot begin, the microphone is off.
func TestMicrophoneIsLetGo(t *testing.T) {
	t.Parallel()
	w := newTown(t)
	ana, bea := w.settle(t, phone, "ana", ""), w.settle(t, phone, "bea", "")
	ana.meet(bea)
	ana.Until(`(() => {
		navigator.mediaDevices.getUserMedia = async () => ({ getTracks: () => [{ stop: () => globalThis.off = true }] })
		globalThis.MediaRecorder = class { static isTypeSupported() { return true } constructor() { throw new TypeError("no recorder") } }
		return true
	})()`)
	ana.Click("button", "Record a voice message")
	ana.Await("alert", "")
	ana.Until(`globalThis.off === true`)
}
