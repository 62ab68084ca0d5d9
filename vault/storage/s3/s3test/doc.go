// SPDX-License-Identifier: AGPL-3.0-or-later

// Package s3test runs versitygw, an S3 server on a folder, on a loopback port,
// for tests of what uses an S3 service.
package s3test
