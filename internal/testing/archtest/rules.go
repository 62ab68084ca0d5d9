// SPDX-License-Identifier: AGPL-3.0-or-later

package archtest

// Rules hold for the native build. What a package may import itself is in
// .golangci.yml.
var Rules = []Rule{
	{
		Why:   "the server cannot read what it stores",
		Of:    []string{"./server/...", "./cmd/securecryptd/..."},
		Never: []string{"./client/...", "./mls/...", "./content/...", "./vault/...", "./internal/product/tui/..."},
	},
	{
		Why:   "the server's parts are below it, and declare what they need of its store",
		Of:    []string{"./server/internal/clock", "./server/internal/connection", "./server/internal/frames", "./server/internal/metrics", "./server/internal/origin", "./server/internal/pace", "./server/internal/uploads"},
		Never: []string{"./server", "./server/blob/...", "./server/bus/...", "./server/daemon", "./server/push/...", "./server/store/..."},
	},
	{
		Why:   "a client does not need a server's code",
		Of:    []string{"./client/...", "./internal/product/tui/...", "./cmd/securecrypt/...", "./cmd/securecrypt-wasm/..."},
		Never: []string{"./server/..."},
	},
	{
		Why:   "keytrans links nothing that knows a network",
		Of:    []string{"./keytrans/..."},
		Never: []string{"net/...", "crypto/tls", "crypto/x509"},
	},
	{
		Why: "vaults do not link net/http, but for the storage that speaks it",
		Of: []string{"./vault", "./vault/backup", "./vault/browse", "./vault/chunk", "./vault/ignore", "./vault/index", "./vault/internal/...", "./vault/keys", "./vault/localfs", "./vault/mountfs", "./vault/oplog", "./vault/pack",
			"./vault/restore", "./vault/storage", "./vault/storage/folder", "./vault/storage/sftp/...", "./vault/storage/storagetest", "./vault/tree"},
		Never: []string{"net/http"},
	},
	{
		Why:   "the commands of vaults need no account",
		Of:    []string{"./internal/product/console", "./internal/product/vaultcli"},
		Never: []string{"./client", "./client/internal/machine", "./client/internal/records", "./client/store/...", "./client/transport/...", "./internal/product/cli/...", "./internal/product/tui/...", "./mls/...", "./server/..."},
	},
	{
		Why:   "the core's packages are below its face, which wires them",
		Of:    []string{"./client/attach", "./client/backend", "./client/chat", "./client/envelope", "./client/internal/attachments", "./client/internal/link", "./client/internal/linking", "./client/internal/names", "./client/internal/queries", "./client/internal/records", "./client/internal/rules", "./client/keyring", "./client/letter"},
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
		Why:   "queries need the store, and nothing that changes it",
		Of:    []string{"./client/internal/queries"},
		Never: []string{"./client/internal/attachments", "./client/internal/link", "./client/internal/machine", "./client/internal/mailbox", "./client/internal/rules", "./client/letter", "./mls/..."},
	},
	{
		Why:   "connections know neither records nor conversations",
		Of:    []string{"./client/internal/link"},
		Never: []string{"./client/internal/records", "./mls/..."},
	},
	{
		Why:   "files know no groups",
		Of:    []string{"./client/internal/attachments"},
		Never: []string{"./client/letter", "./mls/..."},
	},
	{
		Why:   "rules know no connections and no files",
		Of:    []string{"./client/internal/rules"},
		Never: []string{"./client/internal/attachments", "./client/internal/link"},
	},
	{
		Why:   "the handshake of linking knows neither servers nor records",
		Of:    []string{"./client/internal/devicelink"},
		Never: []string{"./client", "./client/internal/link", "./client/internal/records", "./mls/..."},
	},
	{
		Why:   "stores and transports need no core",
		Of:    []string{"./client/files/disk", "./client/store/...", "./client/transport/..."},
		Never: []string{"./client", "./client/chat", "./client/internal/records", "./mls/..."},
	},
}

// BrowserRules hold for the js/wasm build of BrowserPackages.
var BrowserRules = []Rule{
	{
		Why:   "the browser build does not link net/http",
		Of:    BrowserPackages,
		Never: []string{"net/http", "crypto/tls"},
	},
}

// BrowserPackages are those that run in a browser.
var BrowserPackages = []string{
	"./account", "./client", "./client/attach", "./client/backend", "./client/chat", "./client/envelope", "./client/keyring", "./client/letter",
	"./client/store/indexeddb", "./client/store/memory", "./client/transport/browser", "./content", "./internal/product/jsbridge", "./keytrans", "./mls", "./protocol",
	"./cmd/securecrypt-wasm",
}
