// SPDX-License-Identifier: AGPL-3.0-or-later

package vaultcli

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"

	"github.com/securecrypt/securecrypt/internal/product/console"
	"github.com/securecrypt/securecrypt/internal/product/termtext"
	"github.com/securecrypt/securecrypt/vault"
	"github.com/securecrypt/securecrypt/vault/keys"
	"github.com/securecrypt/securecrypt/vault/oplog"
	"github.com/securecrypt/securecrypt/vault/storage"
)

// deviceCmd are the commands for the devices of a vault.
type deviceCmd struct {
	List    deviceListCmd    `cmd:"" default:"1" help:"List the devices of the vault."`
	Request deviceRequestCmd `cmd:"" help:"On a new device: make its keys, and print the line by which another device adds it."`
	Add     deviceAddCmd     `cmd:"" help:"Add a device by the line that it printed, and print the code that it needs."`
	Join    deviceJoinCmd    `cmd:"" help:"On the new device, after it was added: open the vault."`
	Revoke  deviceRevokeCmd  `cmd:"" help:"Remove devices from the vault: what is written from then on is closed to them, and what they write does not count."`
}

// fileRequested has the location of a vault that this device wants to join.
const fileRequested = "requested"

type deviceListCmd struct{}

// Run lists devices, in the order in which they were added.
func (*deviceListCmd) Run(a *app, all *Commands) error {
	return a.withVault(all, func(v *vault.Vault, _ *device) error {
		for _, d := range devicesOf(v) {
			a.printDevice(v, d)
		}
		return nil
	})
}

// devicesOf returns the devices of a vault in the order in which they were added.
func devicesOf(v *vault.Vault) []*oplog.Device {
	return slices.SortedFunc(maps.Values(v.State().Devices), func(x, y *oplog.Device) int { return cmp.Compare(x.Seq, y.Seq) })
}

func deviceKind(d *oplog.Device) string {
	if d.WriteOnly() {
		return "write-only"
	}
	return "full"
}

func (a *app) printDevice(v *vault.Vault, d *oplog.Device) {
	if a.JSON {
		line := map[string]any{"type": "device", "id": d.ID.String(), "name": d.Name, "kind": deviceKind(d), "added": time.Unix(d.Time, 0).UTC(), "entry": d.Seq,
			"this": d.ID == v.DeviceID(), "revoked": d.Revoked != 0}
		if d.Revoked != 0 {
			line["revoked_at"] = time.Unix(d.RevokedTime, 0).UTC()
		}
		if d.By != (keys.DeviceID{}) {
			line["added_by"] = d.By.String()
		}
		a.PrintJSON(line)
		return
	}
	day := func(seconds int64) string { return time.Unix(seconds, 0).Local().Format("2006-01-02 15:04:05") }
	note := ""
	if d.ID == v.DeviceID() {
		note = "  (this device)"
	}
	if d.Revoked != 0 {
		note = "  revoked " + day(d.RevokedTime)
	}
	_, _ = fmt.Fprintf(a.Stdout, "%s  %-10s  added %s  %s%s\n", d.ID.String()[:16], deviceKind(d), day(d.Time), termtext.Name(d.Name), note)
}

type deviceRequestCmd struct {
	Place        place  `arg:"" help:"Folder or address of the vault."`
	Name         string `help:"Name of this device for the list; the name of the machine if none is given."`
	NoPassphrase bool   `help:"Keep the key of this device in a file instead of sealing it with a passphrase."`
	DryRun       bool   `help:"Say what would be made." short:"n"`
}

// Run makes the keys of this device and prints the public ones.
func (cmd *deviceRequestCmd) Run(a *app, all *Commands) error {
	location, err := a.location(cmd.Place)
	if err != nil {
		return err
	}
	if cmd.Name == "" {
		cmd.Name = hostName()
	}
	d, err := a.findDevice(location, fileRequested)
	switch {
	case err != nil:
		return err
	case cmd.DryRun && d != nil:
		a.Say("keys of this device for a vault in %s are there, and their line would be printed again", termtext.Line(location))
		return nil
	case cmd.DryRun:
		a.Say("keys of this device for a vault in %s would be made in %s", termtext.Line(location), a.vaultsFolder())
		return nil
	case d != nil: // asked for before: the same keys
		err = d.open()
	default:
		d, err = cmd.newDevice(a.opener(all), location)
	}
	if err != nil {
		return err
	}
	public := d.device.Public(oplog.Text(cmd.Name, 256))
	text, err := public.Text()
	if err != nil {
		return err
	}
	if a.JSON {
		a.PrintJSON(map[string]any{"type": "device_request", "id": public.ID().String(), "path": d.location, "key": text})
		return a.Stdout.Err()
	}
	_, _ = fmt.Fprintln(a.Stdout, text)
	a.Say("this is device %s. On a device that can read the vault, run\n\n    securecrypt vault device add %s…\n\nwith the whole line above, or with - and the line on standard input; for a device that shall back up and read nothing, with --write-only. It prints a code. "+
		"Then run here: securecrypt vault device join %s CODE", public.ID().String()[:16], text[:40], termtext.Line(d.location))
	return a.Stdout.Err()
}

// newDevice makes keys for a vault that this device is to join.
func (cmd *deviceRequestCmd) newDevice(o *opener, location string) (*device, error) {
	location, err := o.admit(location)
	if err != nil {
		return nil, err
	}
	d, err := o.app.newDevice(location, cmd.NoPassphrase)
	if err != nil {
		return nil, err
	}
	if err := d.keepStorage(o); err != nil {
		return nil, errors.Join(err, d.discard())
	}
	return d, console.WriteFile(filepath.Join(d.path, fileRequested), []byte(location))
}

// findDevice returns the newest folder of this device's vaults whose file of
// the given name has the location, nil if there is none.
func (a *app) findDevice(location, file string) (*device, error) {
	entries, err := os.ReadDir(a.vaultsFolder())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var found *device
	for _, e := range entries {
		path := filepath.Join(a.vaultsFolder(), e.Name())
		if where, err := os.ReadFile(filepath.Join(path, file)); err == nil && string(where) == location {
			found = &device{app: a, path: path, location: location}
		}
	}
	return found, nil
}

type deviceAddCmd struct {
	Key       string `arg:"" help:"The line that securecrypt vault device request printed on the new device, or - to read it from standard input."`
	WriteOnly bool   `help:"The device can back up, and neither list, restore nor delete."`
	DryRun    bool   `help:"Say which device would be added." short:"n"`
}

// Run adds a device.
func (cmd *deviceAddCmd) Run(a *app, all *Commands) error {
	if cmd.Key == "-" {
		b, err := io.ReadAll(io.LimitReader(a.Stdin, 16<<10))
		if err != nil {
			return err
		}
		line, _, _ := bytes.Cut(bytes.TrimSpace(b), []byte("\n"))
		cmd.Key = string(line)
	}
	public, err := keys.ParsePublicDevice(cmd.Key)
	if err != nil {
		return console.WithCode(err, console.ExitUsage)
	}
	return a.withVault(all, func(v *vault.Vault, d *device) error {
		if cmd.DryRun {
			a.Say("device %s would be added: %s", public.ID().String()[:16], termtext.Name(public.Name))
			return nil
		}
		o := a.opener(all)
		if err := o.use(d); err != nil {
			return err
		}
		atomic, err := o.probe(d.store, d.location, false)
		if err != nil {
			return err
		}
		if atomic != nil {
			return console.WithCode(fmt.Errorf("this storage cannot keep the changes of two devices apart: keep the vault on one device, or copy it to another storage (%w)", atomic), console.ExitRefused)
		}
		add := v.AddDevice
		if cmd.WriteOnly {
			add = v.AddWriter
		}
		code, err := add(a.Ctx, public)
		if err != nil {
			return err
		}
		if a.JSON {
			a.PrintJSON(map[string]any{"type": "device_added", "id": public.ID().String(), "name": public.Name, "code": code, "write_only": cmd.WriteOnly})
			return nil
		}
		_, _ = fmt.Fprintln(a.Stdout, code)
		a.Say("device %s is added: %s. On it, run securecrypt vault device join PLACE with the code above; compare the first digits of the device with what it showed", public.ID().String()[:16], termtext.Name(public.Name))
		return nil
	})
}

type deviceJoinCmd struct {
	Place place  `arg:"" help:"Folder or address of the vault."`
	Code  string `arg:"" help:"The code that securecrypt vault device add printed."`

	DryRun bool `help:"Check the code, and change nothing." short:"n"`
}

// Run opens the vault on a device that was added.
func (cmd *deviceJoinCmd) Run(a *app, all *Commands) error {
	location, err := a.location(cmd.Place)
	if err != nil {
		return err
	}
	d, err := a.findDevice(location, fileRequested)
	if err != nil {
		return err
	}
	if d == nil {
		return console.WithCode(errors.New("this device has not asked to join that vault: run securecrypt vault device request first"), console.ExitNotFound)
	}
	if err := d.open(); err != nil {
		return err
	}
	o := a.opener(all)
	if err := o.use(d); err != nil {
		return err
	}
	store, err := o.open(location, false)
	if err != nil {
		return advised(err)
	}
	return errors.Join(advised(cmd.join(a, d, store)), store.Close())
}

func (cmd *deviceJoinCmd) join(a *app, d *device, store storage.Storage) error {
	v, err := vault.OpenAdded(a.Ctx, d.params(store), cmd.Code)
	if errors.Is(err, keys.ErrKey) {
		v, err = vault.JoinWriter(a.Ctx, d.writerParams(store), cmd.Code)
	}
	switch {
	case errors.Is(err, vault.ErrOtherVault):
		return console.WithCode(errors.New("the code belongs to another vault: check the code and the place; if both are right, somebody has put another vault there, and nothing may be backed up into it"), console.ExitRefused)
	case errors.Is(err, keys.ErrKey):
		return console.WithCode(errors.New("the vault does not know this device yet: run securecrypt vault device add on a device that can read it, with the line that securecrypt vault device request prints here"), console.ExitLocked)
	case err != nil:
		return err
	case cmd.DryRun:
		a.Say("the vault in %s knows this device: it would be opened", termtext.Line(d.location))
		return nil
	}
	if err := d.register(v); err != nil {
		return err
	}
	if err := os.Remove(filepath.Join(d.path, fileRequested)); err != nil {
		return err
	}
	if a.JSON {
		a.PrintJSON(map[string]any{"type": "vault", "id": v.ID().String(), "path": d.location, "write_only": v.WriteOnly()})
		return nil
	}
	if v.WriteOnly() {
		a.Say("this device can back up into the vault in %s now, and nothing else: restore on a device that can read it. One backup at a time", termtext.Line(d.location))
		return nil
	}
	a.Say("this device can use the vault in %s now", termtext.Line(d.location))
	return nil
}

// fileWriter has the state of a write-only device, sealed by the store key.
const fileWriter = "writer"

// storedWriter is that file.
type storedWriter struct {
	Version uint8             `cbor:"1,keyasint"`
	Trusted [][32]byte        `cbor:"2,keyasint"`
	Epoch   uint32            `cbor:"3,keyasint"`
	Lost    uint64            `cbor:"4,keyasint"`
	Known   map[string][]byte `cbor:"5,keyasint,omitempty"`
	Pending map[string][]byte `cbor:"6,keyasint,omitempty"`
}

func (d *device) saveWriter(s *vault.WriterState) error {
	return d.write(fileWriter, storedWriter{1, s.Trusted, s.Epoch, s.Lost, s.Known, s.Pending})
}

// writerParams returns how the vault is opened on a write-only device.
func (d *device) writerParams(s storage.Storage) vault.WriterParams {
	return vault.WriterParams{Params: d.params(s), State: d.writer, Save: d.saveWriter}
}

// lockWriter keeps other processes from backing up with the same write-only device:
// prune leaves the packs of one run alone.
func (d *device) lockWriter() error {
	lock := flock.New(filepath.Join(d.path, "lock"))
	locked, err := lock.TryLock()
	if err == nil && !locked {
		err = console.WithCode(errors.New("another backup of this write-only device is running: wait until it has ended"), console.ExitBusy)
	}
	if err != nil {
		return err
	}
	d.lock = lock
	return nil
}

// unlock ends what lockWriter began, if it did.
func (d *device) unlock() error {
	if d.lock == nil {
		return nil
	}
	return d.lock.Unlock()
}

// openVault opens the vault as the device that this one is.
func (d *device) openVault(ctx context.Context, s storage.Storage) (*vault.Vault, error) {
	var w storedWriter
	err := d.read(fileWriter, &w)
	if errors.Is(err, os.ErrNotExist) {
		return vault.Open(ctx, d.params(s))
	}
	if err != nil {
		return nil, err
	}
	if err := d.lockWriter(); err != nil {
		return nil, err
	}
	d.writer = &vault.WriterState{Trusted: w.Trusted, Epoch: w.Epoch, Lost: w.Lost, Known: w.Known, Pending: w.Pending}
	return vault.OpenWriter(ctx, d.writerParams(s))
}

type deviceRevokeCmd struct {
	Devices []string `arg:"" help:"Beginnings of the identifiers that securecrypt vault device list prints."`
	Since   uint64   `help:"For stolen devices: take back what they did from this number on. Their snapshots from it on are forgotten, which undo takes back; what they had forgotten or deleted is there again, if the storage still has it." placeholder:"N"`
	DryRun  bool     `help:"Show which devices would be removed." short:"n"`
}

// Run removes devices.
func (cmd *deviceRevokeCmd) Run(a *app, all *Commands) error {
	return a.withVault(all, func(v *vault.Vault, _ *device) error {
		var ids []keys.DeviceID
		for _, prefix := range cmd.Devices {
			d, err := v.Device(prefix)
			if err != nil {
				return err
			}
			if cmd.DryRun {
				a.printDevice(v, d)
			}
			ids = append(ids, d.ID)
		}
		if cmd.DryRun {
			a.Say("%d devices would be removed", len(ids))
			return nil
		}
		seq, err := v.Revoke(a.Ctx, ids, vault.RevokeOptions{Since: cmd.Since})
		if err != nil {
			return err
		}
		for _, d := range v.State().Devices {
			if d.Revoked == seq+1 {
				a.printDevice(v, d)
			}
		}
		if cmd.Since != 0 {
			a.Say("what they did from %d on is taken back; their %d snapshots since are forgotten, and securecrypt vault undo %d brings them back. If they deleted data, and the storage keeps old versions, bring those back there; "+
				"then run securecrypt vault check", cmd.Since, v.ForgottenBy(seq), seq)
		}
		a.Say("what is written to the vault from now on is closed to these devices, and what they write does not count. " +
			"They can still read what was there before: securecrypt vault key rotate --everything seals it again. If they had the login of the storage, change that")
		return nil
	})
}
