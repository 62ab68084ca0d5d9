// SPDX-License-Identifier: AGPL-3.0-or-later

package s3

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/lifecycle"
)

// Protection is what a bucket does against somebody who has its credentials.
type Protection struct {
	// Versions is set if the bucket keeps what is deleted as an older version.
	Versions bool
	// Erasable is set if these credentials can delete older versions, too.
	Erasable bool
	// Days is how long the bucket's rules keep older versions; 0 if no rule that
	// can be seen ends that.
	Days int
}

// Protection finds out what the bucket does. It creates a small object and deletes
// it, as far as the credentials allow.
func (s *Storage) Protection(ctx context.Context) (Protection, error) {
	var random [16]byte
	_, _ = rand.Read(random[:]) // it never fails
	name := "probe/" + hex.EncodeToString(random[:])
	version := ""
	err := s.do(ctx, func() error {
		o := minio.PutObjectOptions{ContentType: "application/octet-stream", DisableMultipart: true}
		info, err := s.client.Client.PutObject(ctx, s.address.Bucket, s.key(name), bytes.NewReader([]byte("probe")), 5, o)
		version = info.VersionID
		return err
	})
	if err != nil {
		return Protection{}, s.explain("creating", name, err)
	}
	p := Protection{Versions: version != "" && version != "null"} // null: the bucket has stopped to keep versions
	if !p.Versions {
		p.Erasable = true
		return p, s.Delete(ctx, name)
	}
	err = s.do(ctx, func() error {
		return s.client.Client.RemoveObject(ctx, s.address.Bucket, s.key(name), minio.RemoveObjectOptions{VersionID: version})
	})
	switch p.Erasable = err == nil; {
	case answerOf(err).StatusCode == http.StatusForbidden:
		err = s.Delete(ctx, name)
	case err != nil:
		err = s.explain("deleting a version of", name, err)
	}
	if err == nil {
		p.Days, err = s.versionDays(ctx)
	}
	return p, err
}

// versionDays returns how long the bucket's rules keep older versions, 0 for ever or
// if the credentials may not read the rules.
func (s *Storage) versionDays(ctx context.Context) (days int, err error) {
	var rules *lifecycle.Configuration
	err = s.do(ctx, func() (err error) {
		rules, err = s.client.Client.GetBucketLifecycle(ctx, s.address.Bucket)
		return err
	})
	switch answer := answerOf(err); {
	case answer.StatusCode == http.StatusNotFound, answer.StatusCode == http.StatusForbidden, answer.StatusCode == http.StatusNotImplemented:
		return 0, nil
	case err != nil:
		return 0, errors.Join(errors.New("s3: reading the rules of the bucket"), err)
	}
	for i := range rules.Rules {
		r := &rules.Rules[i]
		n := int(r.NoncurrentVersionExpiration.NoncurrentDays)
		if r.Status == "Enabled" && n > 0 && strings.HasPrefix(s.address.Prefix, r.Prefix+r.RuleFilter.Prefix+r.RuleFilter.And.Prefix) && (days == 0 || n < days) {
			days = n
		}
	}
	return days, nil
}
