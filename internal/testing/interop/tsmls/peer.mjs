// SPDX-License-Identifier: AGPL-3.0-or-later

// Answers the requests of package interop (see protocol.go) with ts-mls.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import * as mls from 'ts-mls';
import { ciphersuites, getCiphersuiteFromName, getCiphersuiteImpl } from 'ts-mls';
import { decodeRatchetTree, ratchetTreeEncoder } from 'ts-mls/ratchetTree.js';
import { createGroupInfo } from 'ts-mls/createCommit.js';
import { encode } from 'ts-mls/codec/tlsEncoder.js';
import { decodeVarLenData, varLenDataEncoder } from 'ts-mls/codec/variableLength.js';

const { version } = JSON.parse(readFileSync(new URL('node_modules/ts-mls/package.json', import.meta.url)));
const suites = ['MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519', 'MLS_256_XWING_AES256GCM_SHA512_Ed25519'];
const exported = { label: 'interop', context: utf8('context'), length: 48 };
const clients = new Map();

function utf8(s) {
  return new TextEncoder().encode(s);
}

const bytes = (s) => new Uint8Array(Buffer.from(s ?? '', 'base64'));
const text = (b) => Buffer.from(b).toString('base64');
const message = (m) => mls.encodeMlsMessage({ version: 'mls10', ...m });

function decoded(b, wireformat) {
  const found = mls.decodeMlsMessage(b, 0);
  if (found === undefined) throw new Error('malformed MLSMessage');
  const [m, end] = found;
  if (end !== b.length) throw new Error('trailing bytes after an MLSMessage');
  if (wireformat !== undefined && m.wireformat !== wireformat) throw new Error(`not a ${wireformat}`);
  return m;
}

function decodedTree(b) {
  const found = decodeRatchetTree(b, 0);
  if (found === undefined || found[1] !== b.length) throw new Error('malformed tree');
  return found[0];
}

const now = () => BigInt(Math.floor(Date.now() / 1000));

function config(q) {
  return {
    keyRetentionConfig: mls.defaultKeyRetentionConfig,
    lifetimeConfig: { maximumTotalLifetime: 400n * 86400n, validateLifetimeOnReceive: true },
    keyPackageEqualityConfig: mls.defaultKeyPackageEqualityConfig,
    paddingConfig: { kind: 'alwaysPad', paddingLength: q.padding ?? 0 },
    authService: mls.defaultAuthenticationService,
  };
}

// keys makes the client's key package. The signature key stays the same.
async function keys(c, q) {
  c.name ??= suites.find((name) => ciphersuites[name] === q.suite);
  if (c.name === undefined) throw new Error(`no suite ${q.suite}`);
  c.suite ??= await getCiphersuiteImpl(getCiphersuiteFromName(c.name));
  c.identity ??= q.identity;
  c.signing ??= await c.suite.signature.keygen();
  const capabilities = {
    versions: ['mls10'],
    ciphersuites: [c.name],
    extensions: [],
    proposals: [],
    credentials: ['basic'],
  };
  const lifetime = { notBefore: now() - 3600n, notAfter: now() + 30n * 86400n };
  const credential = { credentialType: 'basic', identity: utf8(c.identity) };
  c.keys = await mls.generateKeyPackageWithKey(credential, capabilities, lifetime, [], c.signing, c.suite);
}

// The library takes the extension external_pub to be the bare key, where RFC 9420
// (Section 12.4.3.2) has it as a vector: with its length before it. So the
// group info is put together here, and the length taken off in the key's import.
async function externalPub(c) {
  const { publicKey } = await c.suite.hpke.deriveKeyPair(c.state.keySchedule.externalSecret);
  const key = await c.suite.hpke.exportPublicKey(publicKey);
  return { extensionType: 'external_pub', extensionData: encode(varLenDataEncoder)(key) };
}

function readingExternalPub(suite, groupInfo) {
  const vector = groupInfo.extensions.find((e) => e.extensionType === 'external_pub')?.extensionData;
  const importPublicKey = (key) => suite.hpke.importPublicKey(key === vector ? decodeVarLenData(key, 0)[0] : key);
  return { ...suite, hpke: { ...suite.hpke, importPublicKey } };
}

function took(r, start) {
  r.nanos ??= [];
  r.nanos.push(Number(process.hrtime.bigint() - start));
}

// enter takes over a state and erases what led to it, as the library asks.
function enter(c, state, consumed) {
  c.state = state;
  consumed.forEach(mls.zeroOutUint8Array);
}

async function receive(c, m, r) {
  const accept = (incoming) => ((r.kind = incoming.kind), 'accept');
  const done = await mls.processMessage(m, c.state, mls.emptyPskIndex, accept, c.suite);
  enter(c, done.newState, done.consumed);
  if (done.kind === 'applicationMessage') {
    r.kind = 'application';
    r.data = text(done.message);
  }
  const aad = m.privateMessage?.authenticatedData ?? m.publicMessage?.content.authenticatedData;
  r.aad = text(aad);
}

const add = (b) => ({ proposalType: 'add', add: { keyPackage: decoded(b, 'mls_key_package').keyPackage } });
const remove = (removed) => ({ proposalType: 'remove', remove: { removed } });

function proposal(q) {
  switch (q.kind) {
    case 'add':
      return add(bytes(q.add[0]));
    case 'remove':
      return remove(q.index ?? 0);
  }
  throw new Error(`no proposal ${q.kind}`);
}

const operations = {
  async hello(_, q, r) {
    r.name = `ts-mls ${version}`;
    r.suites = suites.map((name) => ciphersuites[name]);
    r.features = ['no-path', 'resync', 'aad'];
  },
  async key_package(c, q, r) {
    const start = process.hrtime.bigint();
    await keys(c, q);
    const keyPackage = message({ wireformat: 'mls_key_package', keyPackage: c.keys.publicPackage });
    took(r, start);
    r.keyPackage = text(keyPackage);
  },
  async create(c, q, r) {
    const start = process.hrtime.bigint();
    await keys(c, q);
    c.state = await mls.createGroup(
      bytes(q.group),
      c.keys.publicPackage,
      c.keys.privatePackage,
      [],
      c.suite,
      config(q),
    );
    took(r, start);
  },
  async join(c, q, r) {
    const b = bytes(q.welcome);
    const t = q.tree && bytes(q.tree);
    const start = process.hrtime.bigint();
    const { welcome } = decoded(b, 'mls_welcome');
    const tree = t && decodedTree(t);
    const { publicPackage, privatePackage } = c.keys;
    c.state = await mls.joinGroup(
      welcome,
      publicPackage,
      privatePackage,
      mls.emptyPskIndex,
      c.suite,
      tree,
      undefined,
      config(q),
    );
    took(r, start);
  },
  async external(c, q, r) {
    const b = bytes(q.groupInfo);
    if (!q.resync || c.keys === undefined) await keys(c, q);
    const start = process.hrtime.bigint();
    const { groupInfo } = decoded(b, 'mls_group_info');
    const { publicPackage, privatePackage } = c.keys;
    const done = await mls.joinGroupExternal(
      groupInfo,
      publicPackage,
      privatePackage,
      q.resync ?? false,
      readingExternalPub(c.suite, groupInfo),
      undefined,
      config(q),
      bytes(q.aad),
    );
    c.state = done.newState;
    const m = message({ wireformat: 'mls_public_message', publicMessage: done.publicMessage });
    took(r, start);
    r.message = text(m);
  },
  async propose(c, q, r) {
    const p = proposal(q);
    const start = process.hrtime.bigint();
    const done = await mls.createProposal(c.state, q.public ?? false, p, c.suite, bytes(q.aad));
    enter(c, done.newState, done.consumed);
    const m = mls.encodeMlsMessage(done.message);
    took(r, start);
    r.message = text(m);
  },
  // The library commits all pending proposals, and leaves out the path
  // wherever it may.
  async commit(c, q, r) {
    const adds = (q.add ?? []).map((b) => bytes(b));
    const start = process.hrtime.bigint();
    const extraProposals = [...adds.map(add), ...(q.remove ?? []).map(remove)];
    const done = await mls.createCommit(
      { state: c.state, cipherSuite: c.suite },
      {
        extraProposals,
        wireAsPublicMessage: q.public ?? false,
        ratchetTreeExtension: q.treeInfo ?? false,
        authenticatedData: bytes(q.aad),
      },
    );
    const commit = mls.encodeMlsMessage(done.commit);
    const welcome = done.welcome && message({ wireformat: 'mls_welcome', welcome: done.welcome });
    const tree =
      welcome && !q.treeInfo && !q.noTree ? encode(ratchetTreeEncoder)(done.newState.ratchetTree) : undefined;
    c.pending = done;
    took(r, start);
    r.message = text(commit);
    r.welcome = welcome && text(welcome);
    r.tree = tree && text(tree);
  },
  async apply(c, _, r) {
    if (c.pending === undefined) throw new Error('no commit is staged');
    const start = process.hrtime.bigint();
    enter(c, c.pending.newState, c.pending.consumed);
    c.pending = undefined;
    took(r, start);
  },
  async process(c, q, r) {
    const b = bytes(q.message);
    const start = process.hrtime.bigint();
    await receive(c, decoded(b), r);
    took(r, start);
  },
  async protect(c, q, r) {
    const data = bytes(q.data);
    const aad = bytes(q.aad);
    r.messages = [];
    c.state = { ...c.state, clientConfig: config(q) };
    for (let i = 0; i < (q.count ?? 1); i++) {
      const start = process.hrtime.bigint();
      const done = await mls.createApplicationMessage(c.state, data, c.suite, aad);
      enter(c, done.newState, done.consumed);
      const m = message({ wireformat: 'mls_private_message', privateMessage: done.privateMessage });
      took(r, start);
      r.messages.push(text(m));
    }
  },
  async unprotect(c, q, r) {
    for (const m of q.messages) {
      const b = bytes(m);
      const start = process.hrtime.bigint();
      await receive(c, decoded(b), r);
      took(r, start);
    }
  },
  async group_info(c, _, r) {
    const start = process.hrtime.bigint();
    const tree = { extensionType: 'ratchet_tree', extensionData: encode(ratchetTreeEncoder)(c.state.ratchetTree) };
    const extensions = [await externalPub(c), tree];
    const groupInfo = await createGroupInfo(
      c.state.groupContext,
      c.state.confirmationTag,
      c.state,
      extensions,
      c.suite,
    );
    const m = message({ wireformat: 'mls_group_info', groupInfo });
    took(r, start);
    r.groupInfo = text(m);
  },
  async tree(c, _, r) {
    const start = process.hrtime.bigint();
    const tree = encode(ratchetTreeEncoder)(c.state.ratchetTree);
    took(r, start);
    r.tree = text(tree);
  },
  async state(c, _, r) {
    const { state } = c;
    r.state = { active: state.groupActiveState.kind === 'active' };
    if (!r.state.active) return;
    const secret = await mls.mlsExporter(
      state.keySchedule.exporterSecret,
      exported.label,
      exported.context,
      exported.length,
      c.suite,
    );
    r.state.epoch = Number(state.groupContext.epoch);
    r.state.authenticator = text(state.keySchedule.epochAuthenticator);
    r.state.exported = text(secret);
    r.state.treeHash = text(state.groupContext.treeHash);
    r.state.own = state.privatePath.leafIndex;
    r.state.members = state.ratchetTree.flatMap((node, i) =>
      node?.nodeType === 'leaf'
        ? [{ index: i / 2, identity: new TextDecoder().decode(node.leaf.credential.identity) }]
        : [],
    );
  },
  async drop(_, q) {
    clients.delete(q.client);
  },
};

function used() {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

async function answer(q) {
  const r = {};
  try {
    const operation = operations[q.op];
    if (operation === undefined) throw new Error('no such operation');
    if (['key_package', 'create', 'external'].includes(q.op) && !clients.has(q.client)) clients.set(q.client, {});
    const c = clients.get(q.client);
    if (c === undefined && !['hello', 'drop'].includes(q.op)) throw new Error('no such client');
    const before = q.memory ? used() : 0;
    await operation(c, q, r);
    if (q.memory) r.bytes = Math.max(0, used() - before);
    return r;
  } catch (e) {
    return { error: `${e?.constructor?.name ?? 'Error'}: ${e?.message ?? e}` };
  }
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + '\n');
}
