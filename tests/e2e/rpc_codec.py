# SPDX-License-Identifier: Apache-2.0
"""Messages of both dialects to bytes and back, by the tables of rpc_messages.py: nothing is shared with weir."""
import struct

import rpc_messages


class Field:
    def __init__(self, text):
        number, self.name, kind = text.split(' ', 2)
        self.number = int(number)
        kind, self.has_default, default = kind.partition('=')
        self.repeated = kind.startswith('*')
        self.kind = kind.lstrip('*')
        self.max = int(self.kind[1:]) if self.kind[0] == 'e' and self.kind[1:].isdigit() else None
        self.default = default


def tables(*texts):
    """-> {message: [Field]}."""
    out = {}
    for line in '\n'.join(texts).splitlines():
        if line and not line.startswith(' '):
            fields = out[line] = []
        elif line:
            fields += [Field(f.strip()) for f in line.strip().rstrip(';').split('; ')]
    return out


DIALECTS = {'trident': tables(rpc_messages.BOTH, rpc_messages.TRIDENT), 'agent': tables(rpc_messages.BOTH, rpc_messages.AGENT)}
METHODS = {
    'Sync': ('SyncRequest', 'SyncResponse'),
    'Push': ('SyncRequest', 'SyncResponse'),
    'Upgrade': ('UpgradeRequest', 'UpgradeResponse'),
    'Query': ('NtpRequest', 'NtpResponse'),
    'GenesisSync': ('GenesisSyncRequest', 'GenesisSyncResponse'),
    'KubernetesAPISync': ('KubernetesAPISyncRequest', 'KubernetesAPISyncResponse'),
    'GetKubernetesClusterID': ('KubernetesClusterIDRequest', 'KubernetesClusterIDResponse'),
    'GPIDSync': ('GPIDSyncRequest', 'GPIDSyncResponse'),
    'Plugin': ('PluginRequest', 'PluginResponse'),
    'RemoteExecute': ('RemoteExecResponse', 'RemoteExecRequest'),
}
UNARY = [m for m in METHODS if m not in ('Push', 'Upgrade', 'Plugin', 'RemoteExecute')]


def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 0x7f:
        out.append(n & 0x7f | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, kind, v):
    """-> bytes of one field."""
    if kind == 'float':
        return varint(number << 3 | 5) + struct.pack('<f', v)
    if isinstance(v, int):
        return varint(number << 3) + varint(v)
    v = v.encode('utf-8', 'surrogateescape') if isinstance(v, str) else v
    return varint(number << 3 | 2) + varint(len(v)) + v


def encode(dialect, name, values):
    """-> bytes of a message; `values` by name of the field, lists where it is repeated, dicts for messages in it."""
    table, out, known = DIALECTS[dialect], b'', set()
    for f in table[name]:
        known.add(f.name)
        v = values.get(f.name)
        for one in [] if v is None else v if f.repeated else [v]:
            out += field(f.number, f.kind, encode(dialect, f.kind, one) if f.kind in table else one)
    if set(values) - known:
        raise KeyError(f'{name}: {set(values) - known}')
    return out


def read_varint(data, at):
    n = shift = 0
    while True:
        b = data[at]
        at += 1
        n |= (b & 0x7f) << shift
        shift += 7
        if b < 0x80:
            return n, at


def parts(data):
    """-> (number, wire type, value) of each field."""
    at = 0
    while at < len(data):
        key, at = read_varint(data, at)
        wire = key & 7
        if wire == 0:
            v, at = read_varint(data, at)
        elif wire == 2:
            n, at = read_varint(data, at)
            v, at = data[at:at + n], at + n
            assert len(v) == n, 'cut'
        else:
            n = {1: 8, 5: 4}[wire]
            v, at = data[at:at + n], at + n
        yield key >> 3, wire, v


def decode(dialect, name, data):
    """-> what is there, by name of the field; a number that the table has not is KeyError."""
    table, out = DIALECTS[dialect], {}
    fields = {f.number: f for f in table[name]}
    for number, wire, v in parts(data):
        f = fields[number]
        if f.kind in table:
            v = decode(dialect, f.kind, v)
        elif f.kind == 'str':
            v = v.decode()
        elif f.kind == 'float':
            v = struct.unpack('<f', v)[0]
        elif f.kind == 'bool':
            v = bool(v)
        elif f.kind == 'i32':
            v = v - (1 << 64) if v >> 63 else v
        assert (wire == 0) == (f.kind not in ('str', 'bytes', 'float') and f.kind not in table), (name, f.name, wire)
        if f.repeated:
            out.setdefault(f.name, []).append(v)
        else:
            out[f.name] = v  # of two the last one counts
    return out
