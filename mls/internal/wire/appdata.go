// SPDX-License-Identifier: Apache-2.0

package wire

import "github.com/securecrypt/securecrypt/mls/tlsenc"

// ComponentData is defined in draft-ietf-mls-extensions.
type ComponentData struct {
	ID   uint16
	Data []byte
}

// MarshalAppData encodes the data of an app_data_dictionary extension, whose entries must
// ascend.
func MarshalAppData(list []ComponentData) []byte {
	var w tlsenc.Writer
	w.Vector(func(w *tlsenc.Writer) {
		for _, c := range list {
			w.U16(c.ID)
			w.Opaque(c.Data)
		}
	})
	return w.Bytes()
}

// ParseAppData decodes the data of an app_data_dictionary extension.
func ParseAppData(b []byte) ([]ComponentData, error) {
	var list []ComponentData
	r := tlsenc.NewReader(b)
	for v := r.Vector(); !v.Empty(); {
		c := ComponentData{v.U16(), v.Opaque()}
		if len(list) > 0 && list[len(list)-1].ID >= c.ID {
			v.Fail(tlsenc.ErrMalformed)
		}
		list = append(list, c)
	}
	return list, r.Done()
}

// ComponentLabel encodes ComponentOperationLabel.
func ComponentLabel(id uint16, label string) string {
	var w tlsenc.Writer
	w.Opaque([]byte("MLS Component"))
	w.U16(id)
	w.Opaque([]byte(label))
	return string(w.Bytes())
}
