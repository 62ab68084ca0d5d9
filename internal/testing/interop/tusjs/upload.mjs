// SPDX-License-Identifier: AGPL-3.0-or-later

// Uploads a file by tus-js-client.
// usage: node upload.mjs JSON, with
//   endpoint  where uploads are created
//   token     of the upload
//   file      what is uploaded
//   chunk     bytes of a request
//   stop      bytes after which this run gives up, as a client that is cut off
//   resume    where an earlier run's upload is
//   override  PATCH goes as a POST
//   end       the upload is deleted on the server after stop bytes
// It prints what became of it as JSON: url, sent (bytes of this run), done.

import { createReadStream, statSync } from "node:fs"
import { Upload } from "tus-js-client"

const task = JSON.parse(process.argv[2])
const size = statSync(task.file).size
let sent = 0

const upload = new Upload(createReadStream(task.file), {
  endpoint: task.endpoint,
  uploadUrl: task.resume ?? null,
  uploadSize: size,
  chunkSize: task.chunk,
  retryDelays: null,
  overridePatchMethod: task.override ?? false,
  headers: { Authorization: `Bearer ${task.token}` },
  onError: error => {
    console.error(String(error))
    process.exit(1)
  },
  onChunkComplete: async (bytes, accepted) => {
    sent += bytes
    if (task.stop && accepted >= task.stop && accepted < size) {
      await upload.abort(task.end ?? false)
      tell(false)
    }
  },
  onSuccess: () => tell(true),
})

function tell(done) {
  console.log(JSON.stringify({ url: upload.url, sent, done }))
  process.exit(0)
}

upload.start()
