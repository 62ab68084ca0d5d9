// SPDX-License-Identifier: AGPL-3.0-or-later

// Package machine is the state machine of one conversation.
//
// A Conversation is loaded from the store, takes inputs within a store transaction
// (what the server sent, what a person asked for, what an effect led to) and
// leaves effects and events in an Outcome, which are carried out once the
// transaction is durable. It does no I/O, starts no goroutine and reads no clock
// but the one in its Environment. After a failed transaction it is thrown away and
// loaded again.
//
//	err := store.Update(func(tx *records.Tx) error {
//		c, err := machine.Load(tx, env, id)
//		...
//		c.Begin(tx, &out)
//		err = c.Step(tx, in)
//		...
//		return c.End(tx)
//	})
//
// Inputs are named InputX, or CommandX if a person asked for them; effects are
// named DoX. Package client owns the goroutines that give inputs to conversations
// and carry their effects out.
//
// A few functions need a transaction and no Conversation: Create stores a new
// one, Members reads who is in it, EraseDue erases messages whose time has come.
package machine
