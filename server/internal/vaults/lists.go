// SPDX-License-Identifier: AGPL-3.0-or-later

package vaults

import (
	"net/http"
	"strconv"

	"github.com/securecrypt/securecrypt/protocol"
)

// list answers with the account's vaults.
func (h *Handler) list(w http.ResponseWriter, r *request) error {
	all, err := h.Index.List(r.Context(), r.caller)
	if err != nil {
		return err
	}
	return answer(w, &all)
}

// objects answers with a page of a vault's objects.
func (h *Handler) objects(w http.ResponseWriter, r *request) error {
	query := r.URL.Query()
	prefix, after := query.Get("prefix"), query.Get("after")
	if after != "" && !protocol.ValidVaultObject(after) {
		return refuse(protocol.BlobMalformed)
	}
	page, err := h.Index.Objects(r.Context(), r.caller, r.vault, prefix, after)
	if err != nil {
		return err
	}
	return answer(w, page)
}

// deletions answers with a page of what was deleted and can be taken back.
func (h *Handler) deletions(w http.ResponseWriter, r *request) error {
	after := uint64(0)
	if text := r.URL.Query().Get("after"); text != "" {
		var err error
		if after, err = strconv.ParseUint(text, 10, 63); err != nil {
			return refuse(protocol.BlobMalformed)
		}
	}
	page, err := h.Index.Deletions(r.Context(), r.caller, r.vault, after)
	if err != nil {
		return err
	}
	return answer(w, page)
}

// undelete takes deletions back.
func (h *Handler) undelete(w http.ResponseWriter, r *request) error {
	var in protocol.VaultUndelete
	if err := h.readBody(w, r.Request, &in); err != nil {
		return err
	}
	done, err := h.Index.Undelete(h.Context, r.caller, r.vault, in)
	if err != nil {
		return err
	}
	return answer(w, &done)
}
