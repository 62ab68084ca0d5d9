// SPDX-License-Identifier: AGPL-3.0-or-later

package server

import (
	"errors"
	"time"

	"github.com/securecrypt/securecrypt/account"
	"github.com/securecrypt/securecrypt/protocol"
	"github.com/securecrypt/securecrypt/server/fairness"
)

// PublishedTime returns when a statement became public, in the form of package
// account: the zero time if that is not known.
func PublishedTime(unix int64) time.Time {
	if unix == 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0)
}

// createOf returns what the first statement of a chain says, if the account is one
// of this server's.
func (s *Server) createOf(statements [][]byte) (account.CreateContent, error) {
	first, err := account.ParseStatement(statements[0])
	if err != nil {
		return account.CreateContent{}, refuse(protocol.CodeInvalid)
	}
	create, ok := first.Content.(account.CreateContent)
	if !ok || create.Address.Host != s.host {
		return account.CreateContent{}, refuse(protocol.CodeInvalid)
	}
	return create, nil
}

// newAccount verifies a chain that asks to be registered. What waited for a time to
// pass is refused in it: when the statements became public before is not proven.
func (s *Server) newAccount(statements [][]byte) (row AccountRow, rows []StatementRow, err error) {
	create, err := s.createOf(statements)
	if err != nil {
		return row, nil, err
	}
	chain, err := account.Verify(create.Address, statements)
	if err != nil {
		return row, nil, refuse(protocol.CodeInvalid)
	}
	for i, b := range statements {
		rows = append(rows, StatementRow{Name: create.Address.Name, Number: uint64(i), Statement: b})
	}
	row, err = NewAccountRow(chain.State())
	return row, rows, err
}

// NewAccountRow returns the row of an account whose statements come to a state.
func NewAccountRow(state *account.State) (AccountRow, error) {
	b, err := state.MarshalBinary()
	return AccountRow{Name: state.Address().Name, Length: uint64(state.Len()), Head: state.Head(), State: b}, err
}

// stateOf returns what the statements of an account come to. They were verified
// before they were stored.
func stateOf(row AccountRow) (*account.State, error) {
	state := new(account.State)
	if err := state.UnmarshalBinary(row.State); err != nil {
		return nil, errors.Join(ErrCorrupt, err)
	}
	return state, nil
}

// accountState returns the state of an account, or refuses with CodeNotFound.
func accountState(accounts AccountReader, name string) (*account.State, error) {
	row, err := accounts.Account(name)
	if err != nil {
		return nil, accountNotFound(err)
	}
	return stateOf(row)
}

// liveDevice returns a device that may speak for its account, or refuses with
// CodeNotFound. Every transaction that writes for a device asks it: the account may
// have been deleted, or the device revoked, since the connection identified itself.
func liveDevice(accounts AccountReader, ref DeviceRef) (account.Device, error) {
	state, err := accountState(accounts, ref.Name)
	if err != nil {
		return account.Device{}, err
	}
	device, ok := state.Device(account.DeviceID(ref.Device))
	if !ok {
		return account.Device{}, refuse(protocol.CodeNotFound)
	}
	return device, nil
}

// devices returns the devices of an account, or refuses with CodeNotFound.
func devices(accounts AccountReader, name string) (refs []DeviceRef, err error) {
	state, err := accountState(accounts, name)
	if err != nil {
		return nil, err
	}
	return deviceRefs(state), nil
}

func deviceRefs(state *account.State) (refs []DeviceRef) {
	for _, d := range state.Devices() {
		refs = append(refs, DeviceRef{Name: state.Address().Name, Device: protocol.DeviceID(d.ID())})
	}
	return refs
}

func (s *Server) devicesOf(name string) (refs []DeviceRef, err error) {
	err = s.store.View(s.ctx, func(tx ReadTx) error {
		refs, err = devices(tx.Accounts(), name)
		return err
	})
	return refs, err
}

// accountAppend adds a statement to an account's chain. What the server keeps of
// devices that it revokes goes in the same transaction, and their connections end.
func (ss *session) accountAppend(r request, b *protocol.AccountAppend) (protocol.Body, error) {
	s := ss.s
	if err := ss.limited(fairness.RateAppend, 1); err != nil {
		return nil, err
	}
	size := int64(len(b.Statement))
	if err := ss.reserveStoredBytes(size); err != nil {
		return nil, err
	}
	revoked, err := s.appendStatement(b)
	if err != nil || revoked == nil {
		s.shares.Unkeep(ss.from, fairness.KeptRows, size)
	}
	if err != nil {
		return nil, err
	}
	ss.answer(r.id, r.op, &protocol.Empty{}, nil)
	for _, ref := range revoked {
		s.endIdentified(ref, nil)
	}
	if revoked != nil {
		s.tellOfChain(b.Name)
	}
	return nil, errLater
}

// appendStatement verifies and stores the next statement of a chain. It returns the
// devices that it revokes, nil if it was stored before.
func (s *Server) appendStatement(b *protocol.AccountAppend) (revoked []DeviceRef, err error) {
	statement, err := account.ParseStatement(b.Statement)
	if err != nil {
		return nil, refuse(protocol.CodeInvalid)
	}
	if announces(statement) {
		return nil, refuse(protocol.CodeUnsupported)
	}
	var before, after *account.State
	published := s.clock.Stamp().Truncate(time.Second)
	// Signatures are verified outside of the transaction, which keeps others from
	// writing.
	err = s.store.View(s.ctx, func(tx ReadTx) (err error) {
		before, err = accountState(tx.Accounts(), b.Name)
		return err
	})
	switch {
	case err != nil:
		return nil, err
	case before.Head() == statement.Head():
		return nil, nil
	case before.Head() != statement.Previous:
		return nil, refuse(protocol.CodeStaleChain)
	}
	if after, err = before.Append(b.Statement, published); err != nil {
		return nil, refuse(protocol.CodeInvalid)
	}
	row, err := NewAccountRow(after)
	if err != nil {
		return nil, err
	}
	revoked = revokedDevices(before, after)
	next := StatementRow{Name: b.Name, Number: statement.Sequence, Published: published.Unix(), Statement: b.Statement}
	stored := false
	err = s.store.Update(s.ctx, func(tx WriteTx) error {
		now, err := tx.Accounts().Account(b.Name)
		if err != nil {
			return accountNotFound(err)
		}
		if stored = now.Head == row.Head; stored {
			return nil
		}
		if now.Head != before.Head() {
			return refuse(protocol.CodeStaleChain)
		}
		for _, ref := range revoked {
			if err := tx.Accounts().DeleteDevice(ref); err != nil {
				return err
			}
		}
		return tx.Accounts().Append(row, next)
	})
	if stored {
		return nil, err
	}
	return revoked, err
}

// revokedDevices returns the devices of before that after does not have, an empty
// list if it has all.
func revokedDevices(before, after *account.State) []DeviceRef {
	revoked := []DeviceRef{}
	for _, ref := range deviceRefs(before) {
		if _, live := after.Device(account.DeviceID(ref.Device)); !live {
			revoked = append(revoked, ref)
		}
	}
	return revoked
}

// announces reports whether a statement takes effect after a wait, in which a veto is
// possible: a reset, which nobody of the account signs, and a recovery key that a
// device alone signs. No client watches for them yet, so that nobody would veto what
// a stranger or a thief announces: they are refused.
func announces(s *account.UnverifiedStatement) bool {
	switch s.Content.(type) {
	case account.ResetRequest, account.ResetCommit:
		return true
	case account.RotateRecovery:
		return len(s.Signatures) == 0 || s.Signatures[0].Role != account.RoleRecovery
	}
	return false
}

// What a lookup costs besides its names; how many bytes of its answer tell a
// device's generation; and at how many bytes an answer in parts ends.
const (
	lookupCost     = 10
	generationSize = 40
	partSize       = 256 << 10
)

func (ss *session) accountGet(r *protocol.AccountGet) (protocol.Body, error) {
	s := ss.s
	if err := ss.limited(fairness.RateLookup, float64(lookupCost+len(r.Names))); err != nil {
		return nil, err
	}
	// Members look up names that exist; who guesses names does not know them.
	if err := ss.limited(fairness.RateMiss, 0); err != nil {
		return nil, err
	}
	known := map[string]protocol.KnownChain{}
	for _, k := range r.Known {
		known[k.Name] = k
	}
	var out protocol.Accounts
	missing := 0
	err := s.store.View(s.ctx, func(tx ReadTx) error {
		out, missing = protocol.Accounts{}, 0
		room := protocol.MaxMessage
		if r.Parts {
			room = partSize
		}
		for i, name := range r.Names {
			if r.Parts && room <= 0 {
				out.Rest = uint64(len(r.Names) - i)
				return nil
			}
			found, err := lookUp(tx, name, known[name], room)
			if errors.Is(err, ErrNotFound) {
				missing++
				continue
			}
			if err != nil {
				return err
			}
			if r.Generations {
				if found.Generations, err = generations(tx.Sessions(), name); err != nil {
					return err
				}
			}
			room -= sizeOfAccount(found)
			if !r.Parts && (found.More || room < 0) {
				return refuse(protocol.CodeTooLarge)
			}
			out.Accounts = append(out.Accounts, found)
		}
		return nil
	})
	if err == nil {
		ss.from.Spend(fairness.RateMiss, float64(missing), s.now())
	}
	if !r.Parts {
		for i := range out.Accounts {
			out.Accounts[i].Published = nil // older clients do not know the field
		}
	}
	return &out, err
}

// lookUp returns the statements of an account that follow the known ones, about
// maxBytes of them.
func lookUp(tx ReadTx, name string, known protocol.KnownChain, maxBytes int) (protocol.Account, error) {
	found := protocol.Account{Name: name}
	row, err := tx.Accounts().Account(name)
	if err != nil {
		return found, err
	}
	if found.From, err = agreesUpTo(tx.Accounts(), row, known); err != nil {
		return found, err
	}
	rows, err := tx.Accounts().Statements(row, found.From, maxBytes)
	for _, row := range rows {
		found.Statements = append(found.Statements, row.Statement)
		found.Published = append(found.Published, uint64(row.Published))
	}
	found.More = found.From+uint64(len(rows)) < row.Length
	return found, err
}

// agreesUpTo returns how many statements of an account the known ones are, 0 if the
// account has others.
func agreesUpTo(accounts AccountReader, row AccountRow, known protocol.KnownChain) (uint64, error) {
	switch {
	case known.Length == 0 || known.Length > row.Length:
		return 0, nil
	case known.Length == row.Length && known.Head != row.Head:
		return 0, nil
	case known.Length == row.Length:
		return row.Length, nil
	}
	rows, err := accounts.Statements(row, known.Length-1, 1)
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	last, err := account.ParseStatement(rows[0].Statement)
	if err != nil {
		return 0, errors.Join(ErrCorrupt, err)
	}
	if last.Head() != account.Head(known.Head) {
		return 0, nil
	}
	return known.Length, nil
}

func sizeOfAccount(a protocol.Account) (n int) {
	n = generationSize * len(a.Generations)
	for _, b := range a.Statements {
		n += len(b)
	}
	return n
}

// generations returns those of an account's devices that told theirs.
func generations(sessions SessionReader, name string) (all []protocol.DeviceGeneration, err error) {
	rows, err := sessions.All(name)
	for _, row := range rows {
		if row.Generation != (protocol.Generation{}) {
			all = append(all, protocol.DeviceGeneration{Device: row.Device, Generation: row.Generation})
		}
	}
	return all, err
}
