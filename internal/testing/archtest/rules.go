// SPDX-License-Identifier: AGPL-3.0-or-later

package archtest

// outside is what code without input and output has no use for.
var outside = []string{"net", "net/http/...", "net/rpc/...", "net/smtp", "os", "os/exec", "os/signal", "os/user", "io/ioutil", "log", "syscall/...", "embed", "path/filepath"}

// Rules hold for the native build.
var Rules = []Rule{
	{
		Why: "the server cannot read what it stores",
		Of:  []string{"./server/...", "./cmd/securecryptd/..."}, Linked: true,
		Never: []string{"./client/...", "./mls/...", "./content/...", "./vault/...", "./internal/product/tui/..."},
	},
	{
		Why: "a client does not need a server's code",
		Of:  []string{"./client/...", "./internal/product/tui/...", "./cmd/securecrypt/...", "./cmd/securecrypt-wasm/..."}, Linked: true,
		Never: []string{"./server/..."},
	},
	{
		Why:  "mls is a library of its own",
		Of:   []string{"./mls/..."},
		Only: []string{"std", "golang.org/x/crypto/...", "./mls/tlsenc"},
	},
	{
		Why:  "keytrans is a library of its own",
		Of:   []string{"./keytrans/..."},
		Only: []string{"std", "golang.org/x/mod/...", "filippo.io/mostly-harmless/vrf-r255", "filippo.io/mldsa"},
	},
	{
		Why: "keytrans links nothing that knows a network",
		Of:  []string{"./keytrans/..."}, Linked: true,
		Never: []string{"net/...", "crypto/tls", "crypto/x509"},
	},
	{
		Why:   "protocol and formats do no input and output",
		Of:    []string{"./account/...", "./content/...", "./keytrans/...", "./mls/...", "./protocol/..."},
		Never: outside,
	},
	{
		Why:  "formats are built on deterministic CBOR alone",
		Of:   []string{"./account/...", "./content/...", "./protocol/..."},
		Only: []string{"std", "./internal/codec/dcbor"},
	},
	{
		Why:   "a vault does input and output through its storage alone",
		Of:    []string{"./vault", "./vault/browse", "./vault/chunk", "./vault/ignore", "./vault/index", "./vault/keys", "./vault/oplog", "./vault/pack", "./vault/storage", "./vault/tree"},
		Never: append([]string{"./vault/localfs", "./vault/storage/folder", "./vault/storage/sftp/...", "./vault/storage/s3/..."}, outside...),
	},
	{
		Why:   "vaults know nothing of conversations and servers",
		Of:    []string{"./vault/..."},
		Never: []string{"./client/...", "./content/...", "./keytrans/...", "./mls/...", "./protocol/...", "./server/...", "./internal/product/cli", "./internal/product/tui/..."},
	},
	{
		Why: "vaults do not link net/http, but for the storage that speaks it",
		Of: []string{"./vault", "./vault/backup", "./vault/browse", "./vault/chunk", "./vault/ignore", "./vault/index", "./vault/internal/...", "./vault/keys", "./vault/localfs", "./vault/oplog", "./vault/pack",
			"./vault/restore", "./vault/storage", "./vault/storage/folder", "./vault/storage/sftp/...", "./vault/storage/storagetest", "./vault/tree"}, Linked: true,
		Never: []string{"net/http"},
	},
	{
		Why:   "the core knows neither its stores nor its transports",
		Of:    []string{"./client"},
		Never: []string{"./client/files/...", "./client/store/...", "./client/transport/...", "./internal/product/tui/..."},
	},
	{
		Why:   "the core does no input and output",
		Of:    []string{"./client", "./client/attach", "./client/backend", "./client/chat", "./client/envelope", "./client/internal/attachments", "./client/internal/link", "./client/internal/names", "./client/internal/records", "./client/internal/rules", "./client/keyring", "./client/letter"},
		Never: outside,
	},
	{
		Why:   "the core's packages are below its face, which wires them",
		Of:    []string{"./client/attach", "./client/backend", "./client/chat", "./client/envelope", "./client/internal/attachments", "./client/internal/link", "./client/internal/names", "./client/internal/records", "./client/internal/rules", "./client/keyring", "./client/letter"},
		Never: []string{"./client"},
	},
	{
		Why:   "what clients need from outside is declared without the nouns of conversations",
		Of:    []string{"./client/backend"},
		Never: []string{"./account/...", "./client/...", "./content/...", "./mls/..."},
	},
	{
		Why:   "the nouns of conversations know no records",
		Of:    []string{"./client/chat", "./client/internal/names"},
		Never: []string{"./client/internal/records", "./mls/..."},
	},
	{
		Why:   "records know nothing of groups and servers",
		Of:    []string{"./client/internal/records"},
		Never: []string{"./mls/...", "./client/letter"},
	},
	{
		Why:   "connections know neither records nor conversations",
		Of:    []string{"./client/internal/link"},
		Never: []string{"./account/...", "./client/internal/records", "./content/...", "./mls/..."},
	},
	{
		Why:   "files know no groups",
		Of:    []string{"./client/internal/attachments"},
		Never: []string{"./client/letter", "./mls/..."},
	},
	{
		Why:   "rules know no connections and no files",
		Of:    []string{"./client/internal/rules"},
		Never: []string{"./client/internal/attachments", "./client/internal/link", "./protocol"},
	},
	{
		Why:   "stores and transports need no core",
		Of:    []string{"./client/files/disk", "./client/store/...", "./client/transport/..."},
		Never: []string{"./client", "./client/chat", "./client/internal/records", "./mls/..."},
	},
	{
		Why:   "the server knows none of its backends",
		Of:    []string{"./server"},
		Never: []string{"./server/store/...", "./server/blob/...", "./server/bus/...", "./server/push/..."},
	},
	{
		Why:   "what is shared below knows nothing above",
		Of:    []string{"./internal/codec/dcbor", "./mls/tlsenc", "./internal/codec/padme"},
		Never: []string{"./account/...", "./client/...", "./cmd/...", "./content/...", "./keytrans/...", "./mls/...", "./protocol/...", "./server/...", "./vault/..."},
	},
	{
		Why:   "the terminal interface speaks to the core's face",
		Of:    []string{"./internal/product/tui/..."},
		Never: []string{"./mls/...", "./protocol/...", "./client/store/...", "./client/transport/..."},
	},
	{
		Why: "commands share packages, not each other",
		Of:  []string{"./cmd/..."}, Apart: "./cmd",
	},
	{
		Why:   "commands are imported by nobody",
		Of:    []string{"./account/...", "./client/...", "./content/...", "./internal/...", "./keytrans/...", "./mls/...", "./protocol/...", "./server/...", "./vault/..."},
		Never: []string{"./cmd/..."},
	},
}

// BrowserRules hold for the js/wasm build of BrowserPackages.
var BrowserRules = []Rule{
	{
		Why: "the browser build does not link net/http",
		Of:  BrowserPackages, Linked: true,
		Never: []string{"net/http", "crypto/tls"},
	},
}

// BrowserPackages are those that run in a browser, as far as they exist.
var BrowserPackages = []string{
	"./account", "./client", "./client/attach", "./client/backend", "./client/chat", "./client/envelope", "./client/keyring", "./client/letter",
	"./client/store/indexeddb", "./client/store/memory", "./client/transport/browser", "./content", "./internal/product/jsbridge", "./keytrans", "./mls", "./protocol",
	"./cmd/securecrypt-wasm",
}

// Timeless are the packages that read no clock: they are told the time.
var Timeless = []string{"./account/...", "./content/...", "./keytrans/...", "./mls/...", "./protocol/...", "./vault/...", "./internal/codec/dcbor", "./mls/tlsenc", "./internal/codec/padme"}

// clocks are the functions of package time that read or wait for the clock.
var clocks = map[string]bool{
	"Now": true, "Since": true, "Until": true, "Sleep": true, "After": true, "AfterFunc": true,
	"Tick": true, "NewTimer": true, "NewTicker": true,
}
