// SPDX-License-Identifier: AGPL-3.0-or-later

// Package slim makes a WebAssembly module of the Go linker smaller for the way
// through a compressor, without touching its code. It joins the module's data
// segments, of which the linker makes 100,000, and blanks the tables of files
// and lines, which only stack traces read: they keep the names of functions.
//
// The tables are found and read as runtime/symtab.go and cmd/link's pcln.go of
// Go 1.26 have them. A module that looks otherwise is refused.
package slim

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
)

var errFormat = errors.New("slim: not a module as the Go linker makes them")

const sectionData = 11

// Module returns the smaller module.
func Module(module []byte) ([]byte, error) {
	before, data, after, err := split(module)
	if err != nil {
		return nil, err
	}
	memory, err := load(data)
	if err != nil {
		return nil, err
	}
	if err := blankLines(memory); err != nil {
		return nil, err
	}
	section := store(memory)
	out := append(slices.Clone(before), sectionData)
	out = binary.AppendUvarint(out, uint64(len(section)))
	return append(append(out, section...), after...), nil
}

// split finds the data section.
func split(module []byte) (before, data, after []byte, err error) {
	const header = 8
	r := reader{b: module, at: header}
	for r.at < len(module) && r.err == nil {
		start := r.at
		id := r.byte()
		section := r.bytes(r.uint())
		if r.err == nil && id == sectionData {
			return module[:start], section, module[r.at:], nil
		}
	}
	return nil, nil, nil, errFormat
}

// maxMemory bounds the initial memory of a module, in bytes.
const maxMemory = 64 << 20

// load lays the segments out in memory.
func load(data []byte) ([]byte, error) {
	var memory []byte
	r := reader{b: data}
	for n := r.uint(); n > 0 && r.err == nil; n-- {
		mode, constant, offset, end := r.byte(), r.byte(), r.int(), r.byte()
		segment := r.bytes(r.uint())
		if mode != 0 || constant != opI32Const || end != opEnd || offset < 0 || offset+len(segment) > maxMemory {
			return nil, errFormat
		}
		if need := offset + len(segment); need > len(memory) {
			memory = append(memory, make([]byte, need-len(memory))...)
		}
		copy(memory[offset:], segment)
	}
	return memory, r.err
}

const (
	opI32Const = 0x41
	opEnd      = 0x0b
	// gap is how many zero bytes are worth a new segment.
	gap = 64
)

// store encodes memory as segments.
func store(memory []byte) []byte {
	var body []byte
	count := 0
	for at := 0; at < len(memory); {
		if memory[at] == 0 {
			at++
			continue
		}
		end := len(memory)
		if zeros := bytes.Index(memory[at:], make([]byte, gap)); zeros >= 0 {
			end = at + zeros
		}
		body = appendInt(append(body, 0, opI32Const), at)
		body = binary.AppendUvarint(append(body, opEnd), uint64(end-at))
		body = append(body, memory[at:end]...)
		at = end
		count++
	}
	return append(binary.AppendUvarint(nil, uint64(count)), body...)
}

// Offsets in the runtime's pcHeader and _func.
const (
	headerSize    = 72
	funcTables    = 16 // pcsp, pcfile, pcln, npcdata
	funcPCData    = 44
	wordSize      = 8
	maxFuncs      = 1 << 20
	maxFuncTables = 64
)

var magic = []byte{0xf1, 0xff, 0xff, 0xff, 0, 0, 1, wordSize}

// blankLines makes every function's tables of files and lines empty.
func blankLines(memory []byte) error {
	header := bytes.Index(memory, magic)
	if header < 0 || header+headerSize > len(memory) {
		return fmt.Errorf("%w: no table of functions", errFormat)
	}
	word := func(i int) int { return int(binary.LittleEndian.Uint64(memory[header+i*wordSize:])) }
	count, files, tables, functions := word(1), header+word(5), header+word(7), header+word(8)
	if count <= 0 || count > maxFuncs || files > tables || tables > functions || functions+8*count > len(memory) || files < header {
		return fmt.Errorf("%w: table of functions", errFormat)
	}
	used, lines := map[uint32]bool{}, map[uint32]bool{}
	for i := range count {
		at := functions + int(binary.LittleEndian.Uint32(memory[functions+8*i+4:]))
		if at+funcPCData > len(memory) {
			return fmt.Errorf("%w: function", errFormat)
		}
		u32 := func(offset int) uint32 { return binary.LittleEndian.Uint32(memory[at+offset:]) }
		n := int(u32(funcTables + 12))
		if n > maxFuncTables || at+funcPCData+4*n > len(memory) {
			return fmt.Errorf("%w: function", errFormat)
		}
		used[u32(funcTables)] = true
		for k := range n {
			used[u32(funcPCData+4*k)] = true
		}
		lines[u32(funcTables+4)], lines[u32(funcTables+8)] = true, true
		clear(memory[at+funcTables+4 : at+funcTables+12]) // 0 means that there is no table
	}
	clear(memory[files:tables])
	for offset := range lines {
		if offset == 0 || used[offset] {
			continue
		}
		if err := blankTable(memory[tables:functions], int(offset)); err != nil {
			return err
		}
	}
	return nil
}

// blankTable clears one table: pairs of varints, ended by a first of 0 that is
// not the very first.
func blankTable(tables []byte, offset int) error {
	if offset >= len(tables) {
		return fmt.Errorf("%w: line table", errFormat)
	}
	r := reader{b: tables, at: offset}
	for first := true; r.err == nil; first = false {
		if r.uint() == 0 && !first {
			break
		}
		r.uint()
	}
	if r.err != nil {
		return r.err
	}
	clear(tables[offset:r.at])
	return nil
}
