# SPDX-License-Identifier: Apache-2.0
"""Servers of others for weir's agent: DeepFlow's of v6.5 and v7, imitated with grpcio. Messages are made and taken apart
by field numbers of the protocol's specification; nothing of proto/ is used."""
import ctypes
import os
import pathlib
import queue
import struct
import threading
import time
from concurrent import futures

import grpc


# --- protobuf by hand ---

def varint(n):
    out = bytearray()
    n &= (1 << 64) - 1
    while n >= 0x80:
        out.append(n & 0x7f | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def number(field, n):
    return varint(field << 3) + varint(n)


def text(field, s):
    s = s.encode() if isinstance(s, str) else s
    return varint(field << 3 | 2) + varint(len(s)) + s


def fields(message):
    """-> {field: [values]}: integers, or bytes."""
    out, at = {}, 0

    def take():
        nonlocal at
        shift = n = 0
        while True:
            b = message[at]
            at += 1
            n |= (b & 0x7f) << shift
            shift += 7
            if b < 0x80:
                return n

    while at < len(message):
        key = take()
        if key & 7 == 0:
            v = take()
        elif key & 7 == 2:
            n = take()
            v, at = message[at:at + n], at + n
        elif key & 7 == 5:
            v, at = message[at:at + 4], at + 4
        else:
            v, at = message[at:at + 8], at + 8
        out.setdefault(key >> 3, []).append(v)
    return out


SUCCESS, FAILED, HEARTBEAT = 0, 1, 2


class Agent:
    """Numbers of agent.proto."""
    name = 'agent'

    @staticmethod
    def response(status=SUCCESS, config=None, dynamic=b'', versions=(0, 0, 0), tables=(None, None, None), segments=b'',
                 extra=b''):
        m = number(1, status)
        if config is not None:
            m += text(2, config)
        for field, v in zip((5, 6, 7), versions):
            m += number(field, v)
        m += segments
        for field, t in zip((11, 12, 13), tables):
            if t is not None:
                m += text(field, t)
        return m + (text(20, dynamic) if dynamic else b'') + extra

    @staticmethod
    def group(memory, more=''):
        return f'global:\n  limits: {{max_memory: {memory}}}\n{more}'


class Trident:
    """Numbers of trident.proto."""
    name = 'trident'

    @staticmethod
    def response(status=SUCCESS, config=None, versions=(0, 0, 0), tables=(None, None, None), segments=b'', extra=b''):
        m = number(1, status)
        if config is not None:
            m += text(2, config)
        for field, v in zip((6, 7, 8), versions):
            m += number(field, v)
        m += segments
        for field, t in zip((12, 13, 15), tables):
            if t is not None:
                m += text(field, t)
        return m + extra

    @staticmethod
    def group(memory, more=b''):
        return number(3, memory) + number(14, 1) + number(40, 77) + number(41, 6) + more


def enter(path):
    """The network namespace of this thread, from now on."""
    with open(path) as f:
        if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), 0x40000000):
            raise OSError(ctypes.get_errno(), path)


class Controller:
    """A server of one address. `sync`, `query` and `cluster` answer a request's bytes by bytes; push(m) sends to every stream.
    `netns`, `address`: where it listens. `tls`: files of its key and certificate."""

    def __init__(self, dialects, port=0, sync=None, query=None, netns=None, tls=None, cluster=None, address='127.0.0.1'):
        self.sync = sync
        self.query = query
        self.cluster = cluster
        self.dialects = dialects
        self.lock = threading.Lock()
        self.requests = []   # (time, dialect, method, fields)
        self.streams = []
        self.push_first = None
        self.push_ends = False
        self.genesis_version = 0
        self.server = grpc.server(futures.ThreadPoolExecutor(16), options=[('grpc.so_reuseport', 0)])
        self.server.add_generic_rpc_handlers([self])
        if netns:
            enter(f'/run/netns/{netns}')
        try:
            if tls:
                pair = tuple(pathlib.Path(f).read_bytes() for f in tls)
                self.port = self.server.add_secure_port(f'{address}:{port}', grpc.ssl_server_credentials([pair]))
            else:
                self.port = self.server.add_insecure_port(f'{address}:{port}')
        finally:
            if netns:
                enter(f'/proc/{os.getpid()}/ns/net')
        assert self.port, f'port {port}'
        self.server.start()

    def service(self, call):
        package, method = call.method.lstrip('/').split('/')
        dialect = package.split('.')[0]
        if dialect not in self.dialects:
            return None
        unary = {'Sync': self.on_sync, 'Query': self.on_query, 'GenesisSync': self.on_genesis,
                 'GetKubernetesClusterID': self.on_cluster}
        if method in unary:
            return grpc.unary_unary_rpc_method_handler(
                lambda request, context: unary[method](dialect, request, context))
        if method == 'Push':
            return grpc.unary_stream_rpc_method_handler(lambda request, context: self.on_push(dialect, request, context))
        return None

    def note(self, dialect, method, request):
        with self.lock:
            self.requests.append((time.monotonic(), dialect, method, fields(request)))

    def on_sync(self, dialect, request, context):
        self.note(dialect, 'Sync', request)
        return self.sync(dialect, fields(request), context)

    def on_query(self, dialect, request, _context):
        self.note(dialect, 'Query', request)
        answer = self.query(fields(request)[10][0]) if self.query else b''
        return text(1, answer) if answer else b''

    def on_cluster(self, dialect, request, _context):
        self.note(dialect, 'GetKubernetesClusterID', request)
        return self.cluster(fields(request)) if self.cluster else b''

    def on_genesis(self, dialect, request, _context):
        self.note(dialect, 'GenesisSync', request)
        f = fields(request)
        if 9 in f:
            self.genesis_version = f[1][0]
        return number(1, self.genesis_version)

    def on_push(self, dialect, request, context):
        self.note(dialect, 'Push', request)
        q = queue.Queue()
        with self.lock:
            self.streams.append(q)
        context.add_callback(lambda: q.put(None))
        if self.push_first is not None:
            yield self.push_first
        while not self.push_ends:
            m = q.get()
            if m is None:
                return
            yield m

    def push(self, m):
        with self.lock:
            for q in self.streams:
                q.put(m)

    def calls(self, method, dialect=None):
        with self.lock:
            return [r for r in self.requests if r[2] == method and dialect in (None, r[1])]

    def stop(self):
        with self.lock:
            for q in self.streams:
                q.put(None)
            self.streams = []
        self.server.stop(0).wait()


def ntp_server(packet, offset_s):
    """What an NTP server whose clock is `offset_s` ahead answers: RFC 5905."""
    now = time.time() + offset_s + 2208988800
    stamp = struct.pack('!II', int(now) & 0xffffffff, int(now % 1 * 2**32))
    return bytes([0x24, 2]) + bytes(22) + packet[40:48] + stamp + stamp
