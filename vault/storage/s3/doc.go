// SPDX-License-Identifier: AGPL-3.0-or-later

// Package s3 keeps the objects of a vault as objects of a bucket: at Amazon S3,
// or at a provider or server with its API.
//
// An object is created by a PUT with "If-None-Match: *", which the service
// refuses with 412 if the name is taken. Services that ignore the header can keep
// a vault of one device only; storage.Probe finds them. If the answer to such a
// PUT is lost, the name counts as created by it when the object has its bytes:
// objects of a vault are random or named by their content, so that no two
// callers create the same bytes under one name for different purposes.
//
// Credentials come from the environment or from the shared credentials file of
// Amazon's tools, and are kept nowhere else. The bucket has to exist. A service
// that has acknowledged an object is trusted to have it on its disks: Sync does
// nothing. Directory buckets (S3 Express One Zone), whose listings have no
// order, are refused when they are listed.
package s3
