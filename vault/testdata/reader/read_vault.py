#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Restores a snapshot of a vault in a folder, with the recovery key alone.

usage: read_vault.py FOLDER RECOVERY-KEY SNAPSHOT|latest TARGET

Written from docs/formats/vault.md, not from the Go code. It restores names,
content, modes, times and links; not owners, extended attributes and devices. It
does not repair damage. Needs the packages of requirements.txt.
"""
import hashlib, hmac, os, struct, sys

import zstandard
from blake3 import blake3
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from kyber_py.ml_kem import ML_KEM_768

RAW = (Encoding.Raw, PublicFormat.Raw)
DATA = {4: 3, 8: 7, 16: 15, 32: 31, 64: 62, 128: 124, 256: 248}
SEGMENT, HEAD = 65536, 1212


def need(ok, what):
    if not ok:
        sys.exit("read_vault: " + what)


def cbor(b):
    value, rest = item(b)
    need(not rest, "bytes behind a CBOR value")
    return value


def item(b):
    major, n, b = b[0] >> 5, b[0] & 31, b[1:]
    if n in (24, 25, 26, 27):
        size = 1 << (n - 24)
        n, b = int.from_bytes(b[:size], "big"), b[size:]
    if major == 0:
        return n, b
    if major == 1:
        return -1 - n, b
    if major in (2, 3):
        return (b[:n] if major == 2 else b[:n].decode()), b[n:]
    if major == 4:
        out = []
        for _ in range(n):
            value, b = item(b)
            out.append(value)
        return out, b
    if major == 5:
        out = {}
        for _ in range(n):
            key, b = item(b)
            out[key], b = item(b)
        return out, b
    need(major == 7 and n in (20, 21), "an unexpected CBOR value")
    return n == 21, b


def unframe(magic, b):
    need(b[:8] == magic, "not " + magic.decode())
    n = struct.unpack(">I", b[8:12])[0]
    return b[12:12 + n]


def extract(salt, secret):
    return hmac.digest(salt or bytes(32), secret, "sha256")


def expand(prk, info, size):
    out, t, i = b"", b"", 1
    while len(out) < size:
        t = hmac.digest(prk, t + info + bytes([i]), "sha256")
        out, i = out + t, i + 1
    return out[:size]


def hkdf(secret, salt, info):
    return expand(extract(salt, secret), info, 32)


class XWing:
    """An X-Wing private key from its seed, and HPKE in base mode with it."""

    def __init__(self, seed):
        full = hashlib.shake_256(seed).digest(96)
        self.pk_m, self.sk_m = ML_KEM_768.key_derive(full[:64])
        self.sk_x = X25519PrivateKey.from_private_bytes(full[64:])
        self.pk_x = self.sk_x.public_key().public_bytes(*RAW)
        self.public = self.pk_m + self.pk_x

    def open(self, info, sealed):
        ct, body = sealed[:1120], sealed[1120:]
        ss_m = ML_KEM_768.decaps(self.sk_m, ct[:1088])
        ss_x = self.sk_x.exchange(X25519PublicKey.from_public_bytes(ct[1088:]))
        shared = hashlib.sha3_256(ss_m + ss_x + ct[1088:] + self.pk_x + b"\\.//^\\").digest()
        suite = b"HPKE" + struct.pack(">HHH", 0x647A, 1, 2)
        lx = lambda salt, label, ikm: extract(salt, b"HPKE-v1" + suite + label + ikm)
        le = lambda prk, label, ctx, n: expand(prk, struct.pack(">H", n) + b"HPKE-v1" + suite + label + ctx, n)
        context = b"\0" + lx(b"", b"psk_id_hash", b"") + lx(b"", b"info_hash", info)
        secret = lx(shared, b"secret", b"")
        return AESGCM(le(secret, b"key", context, 32)).decrypt(le(secret, b"base_nonce", context, 12), body, b"")


def recovery_seed(text):
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    text = text.lower().replace("-", "").replace(" ", "").translate(str.maketrans("oil", "011"))
    bits = "".join(format(alphabet.index(c), "05b") for c in text)
    secret = int(bits[:160], 2).to_bytes(20, "big")
    check = hashlib.sha256(b"SecureCrypt recovery secret checksum v1\0" + secret).digest()
    need(bits[160:] == format(int.from_bytes(check[:3], "big"), "024b")[:20], "the recovery key has a slip")
    return hkdf(secret, b"", b"SecureCrypt recovery signature key v1")


class Vault:
    def __init__(self, folder, recovery):
        self.folder, self.sessions, self.packs, self.places, self.frames = folder, {}, {}, {}, {}
        config = self.read("config")
        self.config = cbor(unframe(b"SCVAULT1", config))
        self.id, self.hash = self.config[2], hashlib.sha256(config).digest()
        seed = recovery_seed(recovery)
        name = b"securecrypt/v1/vault/"
        signer = Ed25519PrivateKey.from_private_bytes(hkdf(seed, self.id, name + b"recovery-signature"))
        need(signer.public_key().public_bytes(*RAW) == self.config[3], "another vault's recovery key")
        self.open_keys(XWing(hkdf(seed, self.id, name + b"recovery-kem")))
        self.read_log()
        self.read_index()

    def read(self, name):
        with open(os.path.join(self.folder, name), "rb") as f:
            return f.read()

    def info(self, purpose, epoch):
        return b"securecrypt/v1/vault/" + purpose + b"\0" + self.id + self.hash + struct.pack(">I", epoch)

    def open_keys(self, recovery):
        self.known, self.pairs = {}, {}  # roots of all objects by their fingerprints; pairs of the epochs that have begun
        for name in sorted(os.listdir(os.path.join(self.folder, "keys"))):
            b = self.read("keys/" + name)
            if b[:8] != b"SCVKEYS1":
                continue
            epoch, _, n = struct.unpack(">III", b[8:20])
            end = 20 + 1168 * n
            try:
                root = recovery.open(self.info(b"root", epoch), b[20:20 + 1168])
                key = hkdf(root, b[end:end + 32], self.info(b"keys-body", epoch))
                body = cbor(unframe(b"SCVKEYS1", AESGCM(key).decrypt(bytes(12), b[end + 32:], b[:end])))
                first = self.vouched(1, (body.get(4, []) + [root])[0])
                Ed25519PublicKey.from_public_bytes(self.config[3]).verify(body[2], first)
            except (InvalidTag, InvalidSignature):
                continue  # somebody without the root made it
            for number, root in enumerate(body.get(4, []) + [root], 1):
                self.known[hashlib.sha256(self.vouched(number, root)).digest()] = (number, root)
            self.dedup = body[1]
            self.begin(1, hashlib.sha256(first).digest())
        need(self.pairs, "no keys for this recovery key")

    def vouched(self, epoch, root):
        pair = XWing(hkdf(root, b"", self.info(b"pair", epoch)))
        return b"SecureCrypt vault root v1\0" + self.id + self.hash + struct.pack(">I", epoch) + pair.public

    def begin(self, epoch, fingerprint):
        need(self.known.get(fingerprint, (0, 0))[0] == epoch, "the keys of epoch %d are missing" % epoch)
        root = self.known[fingerprint][1]
        self.pairs[epoch], self.epoch = XWing(hkdf(root, b"", self.info(b"pair", epoch))), epoch

    def id_key(self, domain, kind):
        return hkdf(self.dedup, self.id, b"securecrypt/v1/vault/id\0" + bytes([domain, kind]))

    def open_entry(self, seq, b):
        for epoch in sorted(self.pairs, reverse=True):
            try:
                return epoch, self.pairs[epoch].open(self.info(b"log", epoch) + struct.pack(">Q", seq), b)
            except InvalidTag:
                pass
        need(False, "entry %d does not open" % seq)

    def read_log(self):
        self.snapshots, index, forgets, swept, revoked, by = {}, [], {}, {}, set(), {}
        signers, writers, previous, seq = {bytes(16): self.config[3]}, set(), bytes(32), 0
        while os.path.exists(os.path.join(self.folder, "log", "%016x" % seq)):
            b = self.read("log/%016x" % seq)
            epoch, plain = self.open_entry(seq, b)
            entry, signature = cbor(plain[4:4 + struct.unpack(">I", plain[:4])[0]])
            e = cbor(entry)
            need(e[1] == seq and e[2] == previous, "the log is broken at entry %d" % seq)
            signed = b"SecureCrypt vault log entry v1\0" + self.id + entry
            Ed25519PublicKey.from_public_bytes(signers[e[3]]).verify(signature, signed)
            kind, body, previous, signer = e[4], e[6], blake3(b).digest(), e[3]
            if signer in revoked or (kind not in (2, 10) if signer in writers else epoch != self.epoch):
                seq += 1
                continue  # it is refused
            by[seq] = signer
            if kind == 1:
                device = hashlib.sha256(body[1]).digest()[:16]
                signers[device] = body[1]
                writers |= {device} if 4 in body else set()
            elif kind == 2:
                self.snapshots[seq] = body
                index += [(seq, p) for p in body.get(7, [])]
            elif kind == 3:
                forgets[seq] = body[1]
            elif kind == 4:
                for n in body[1]:
                    forgets.pop(n, None)
            elif kind == 6:
                swept.update({p: seq for p in body[1]})
            elif kind == 7:
                index += [(seq, p) for p in body[1]]
            elif kind == 9:
                self.begin(body[2], body[3])
                revoked |= set(body.get(1, []))
                if 4 in body:
                    void = lambda n: n >= body[4] and by[n] in body[1]
                    forgets = {n: all for n, all in forgets.items() if not void(n)}
                    forgets[seq] = [n for n in self.snapshots if void(n)]
                    swept = {p: n for p, n in swept.items() if not void(n)}
                    index = [x for x in index if void(x[0])] + [x for x in index if not void(x[0])]
            seq += 1
        self.live = sorted(set(self.snapshots) - {n for all in forgets.values() for n in all})
        self.index, self.swept = [p for p in dict.fromkeys(p for _, p in index) if p not in swept], swept

    def pack_stream(self, name):
        data = self.read("packs/" + name.hex())
        need(blake3(data).digest() == name, "a pack is damaged, and this reader does not repair")
        n, head = len(data) // SEGMENT, data[:HEAD]
        need(head[:8] == b"SCVPACK1", "not a pack")
        epoch, salt, sealed = struct.unpack(">I", head[8:12])[0], head[12:44], head[44:]
        if sealed not in self.sessions:
            self.sessions[sealed] = self.pairs[epoch].open(self.info(b"session", epoch), sealed)
        aead = AESGCM(hkdf(self.sessions[sealed], salt, self.info(b"pack", epoch)))
        stream = []
        for i in range(DATA[n]):
            segment, aad = data[i * SEGMENT:(i + 1) * SEGMENT], self.id + struct.pack(">II", n, i)
            if i in (0, DATA[n] - 1):
                segment, aad = segment[HEAD:], aad + head
            stream.append(aead.decrypt(struct.pack(">QI", 0, i), segment, aad))
        return b"".join(stream)

    def parse_table(self, name, b):
        count, at, offset = struct.unpack(">I", b[:4])[0], 4, 0
        heads = [struct.unpack(">BBBBIII", b[4 + 16 * i:20 + 16 * i]) for i in range(count)]
        at += 16 * count
        for kind, domain, codec, _, stored, size, chunks in heads:
            frame, start = (name, offset, stored, codec, size), 0
            for _ in range(chunks):
                short, length = b[at:at + 16], struct.unpack(">I", b[at + 16:at + 20])[0]
                self.places[short] = (frame, start, length, domain)
                if kind == 3:
                    self.found_pages.append((frame, start, length))
                at, start = at + 20, start + length
            offset += stored

    def read_index(self):
        for name in self.index:
            stream = self.packs[name] = self.pack_stream(name)
            n = struct.unpack(">I", stream[-4:])[0]
            self.found_pages = []
            self.parse_table(name, stream[-4 - n:-4])
            for frame, start, length in list(self.found_pages):
                page, at = self.frame(frame)[start:start + length], 1172
                for _ in range(struct.unpack(">I", page[1168:1172])[0]):
                    listed, n = page[at:at + 32], struct.unpack(">I", page[at + 69:at + 73])[0]
                    if listed not in self.swept:
                        self.parse_table(listed, page[at + 73:at + 73 + n])
                    at += 73 + n

    def frame(self, frame):
        if frame not in self.frames:
            name, offset, stored, codec, size = frame
            if name not in self.packs:
                self.packs = {name: self.pack_stream(name)}
            raw = self.packs[name][offset:offset + stored]
            self.frames = {frame: zstandard.ZstdDecompressor().decompress(raw, max_output_size=size) if codec else raw}
        return self.frames[frame]

    def chunk(self, kind, id):
        frame, start, length, domain = self.places[id[:16]]
        b = self.frame(frame)[start:start + length]
        need(blake3(b, key=self.id_key(domain, kind)).digest() == id, "a chunk has another content")
        return b

    def entries(self, page):
        if page:
            p = cbor(self.chunk(2, page))
            yield from p.get(2, [])
            for _, child in p.get(3, []):
                yield from self.entries(child)

    def listed(self, e, inline, lists, key):
        out = list(e.get(inline, []))
        for id in e.get(lists, []):
            out += cbor(self.chunk(2, id))[key]
        return out

    def restore(self, page, target, links):
        os.makedirs(target, exist_ok=True)
        for e in self.entries(page):
            path, kind = os.path.join(target, e[1]), e[2]
            need(e[1] not in (b"", b".", b"..") and b"/" not in e[1] and b"\0" not in e[1], "a name that cannot be")
            if kind == 1:
                self.restore(e.get(18), path, links)
            elif kind == 2:
                os.symlink(e[9], path)
            elif kind == 3:
                os.mkfifo(path)
            elif kind == 0 and e.get(13) in links:
                os.link(links[e[13]], path)
            elif kind == 0:
                links.update({e[13]: path} if 13 in e else {})
                self.restore_file(e, path)
            else:
                continue
            if kind != 2:
                os.chmod(path, e[3])
            os.utime(path, ns=(0, e[6] * 10**9 + e.get(7, 0)), follow_symlinks=False)

    def restore_file(self, e, path):
        content = b"".join(self.chunk(1, id) for id in self.listed(e, 16, 17, 1))
        extents = self.listed(e, 14, 15, 2) or [[0, e.get(8, 0)]]
        with open(path, "xb") as f:
            for offset, length in extents:
                f.seek(offset)
                f.write(content[:length])
                content = content[length:]
            f.truncate(e.get(8, 0))
        need(not content, "a file is too long")


if __name__ == "__main__":
    need(len(sys.argv) == 5, __doc__)
    vault = Vault(sys.argv[1], sys.argv[2])
    snapshot = vault.live[-1] if sys.argv[3] == "latest" else int(sys.argv[3])
    vault.restore(vault.snapshots[snapshot][1], os.fsencode(sys.argv[4]), {})
