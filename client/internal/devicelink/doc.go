// SPDX-License-Identifier: AGPL-3.0-or-later

// Package devicelink is the handshake by which a device of an account lets another
// one in: messages go in, messages come out. No I/O, no clock.
//
// Both devices have a Code, which one of them shows and the other one is given. From
// it they derive a channel and a key under which they talk there (Rendezvous). An
// attacker who has the code and the server's help can be between them. Six digits, which
// both derive from all messages before, show that. The new device (Joiner) commits to
// its keys before it sees what the existing one (Approver) chose, and reveals them after
// that, so that the attacker has one guess in a million. The digits are typed
// in at the existing device, which alone can complete the statement that adds the new
// one to the account's chain.
//
//	Joiner                            Approver
//	commit: hash of its keys    →
//	                            ←     answer: a nonce, the address, the chain's head
//	reveal: its keys            →
//	             digits                    digits are typed in
//	                            ←     draft of add-device
//	its signature               →
//	                                  appends the statement
//	                            ←     welcome, sealed to the joiner's key
//	done                        →
package devicelink
