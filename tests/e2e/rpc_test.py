#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""lib/rpc and proto/ against Python's gRPC, with messages coded here from rpc_messages.py: nothing is shared with weir."""
import concurrent.futures
import os
import queue
import signal
import struct
import subprocess
import threading
import unittest

import weir
from rpc_codec import DIALECTS, METHODS, UNARY, varint

try:
    import grpc
except ImportError:
    grpc = None

PEER = os.path.join(weir.BUILD, 'tests/e2e/rpc_peer')


# ---- messages ----

def value(field, n):
    """What a filled field holds, by the rule of rpc_peer.c."""
    return {
        'u32': n * 1000 + 7, 'u64': n + (1 << 33), 'i32': -n, 'float': n + 0.5, 'str': f's{n}',
        'bytes': b'b%d' % n, 'bool': int(field.default != 'true'),
    }.get(field.kind, field.max)


def encode(table, name):
    """-> the bytes of a filled message."""
    out = b''
    for f in table[name]:
        for n in (f.number, f.number + 1) if f.repeated else (f.number,):
            if f.kind == 'float':
                out += varint(f.number << 3 | 5) + struct.pack('<f', value(f, n))
                continue
            v = encode(table, f.kind) if f.kind in table else value(f, n)
            if isinstance(v, int):
                out += varint(f.number << 3) + varint(v)
                continue
            v = v.encode() if isinstance(v, str) else v
            out += varint(f.number << 3 | 2) + varint(len(v)) + v
    return out


def printed(table, name, prefix=''):
    """-> the lines rpc_peer prints of a filled message."""
    lines = []
    for f in table[name]:
        for n in (f.number, f.number + 1) if f.repeated else (f.number,):
            label = f'  {prefix}{f.name}#{f.number}'
            if f.kind in table:
                lines += printed(table, f.kind, f'{prefix}{f.name}#{f.number}.')
            else:
                v = value(f, n)
                lines.append(f'{label}={v.hex() if isinstance(v, bytes) else v}')
    return lines


def printed_empty(table, name):
    """-> the lines of an empty message: defaults."""
    lines = []
    for f in table[name]:
        if not f.repeated and f.kind not in table:
            v = f.default or ('' if f.kind in ('str', 'bytes') else '0')
            v = {'true': '1', 'false': '0'}.get(v, v)
            lines.append(f'  {f.name}#{f.number}?{"1" if v == "1.0" else v}')
    return lines


# ---- rpc_peer ----

class Server:
    """rpc_peer serving; what it prints comes in lines."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([PEER, 'serve', *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()
        self.target = '127.0.0.1:' + self.line().split()[1]

    def read(self):
        with self.process.stdout as lines:
            for line in lines:
                self.lines.put(line.rstrip('\n'))
        self.lines.put(None)

    def line(self):
        return self.lines.get(timeout=30)

    def until(self, word):
        """-> the lines before the one that begins with `word`."""
        lines = []
        while not (line := self.line()).startswith(word):
            lines.append(line)
        return lines

    def request(self):
        """-> name and lines of the next request."""
        self.until('from')
        name = self.line()
        return name, self.until('end')

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=30)
        error = self.process.stderr.read()
        self.process.stderr.close()
        return status, error


def call(target, path, how='filled', *files):
    """-> answers as lists of lines, the last line."""
    p = weir.run(PEER, 'call', target, path, how, *files)
    answers, lines = [], None
    for line in p.stdout.splitlines():
        if line.startswith('answer'):
            lines = []
        elif line == 'end':
            answers.append(lines)
        elif line.startswith('status'):
            return answers, line
        else:
            lines.append(line)
    raise AssertionError(p.stderr)


@unittest.skipIf(grpc is None, 'python3-grpcio is not installed')
class Client(weir.Case):
    """Python calls weir."""

    def setUp(self):
        super().setUp()
        self.server = Server()
        self.channel = grpc.insecure_channel(self.server.target)
        self.addCleanup(self.stop)

    def stop(self):
        self.channel.close()
        status, error = self.server.stop()
        self.assertEqual(status, 0, error)

    def code_of(self, path, data, **options):
        with self.assertRaises(grpc.RpcError) as caught:
            self.channel.unary_unary(path)(data, timeout=20, **options)
        return caught.exception.code(), caught.exception.details()

    def test_every_unary_method_takes_and_gives_every_field(self):
        for dialect, table in DIALECTS.items():
            for method in UNARY:
                request, answer = METHODS[method]
                with self.subTest(dialect=dialect, method=method):
                    got = self.channel.unary_unary(f'/{dialect}.Synchronizer/{method}')(encode(table, request), timeout=20)
                    self.assertEqual(self.server.request(), (f'request {dialect}.{request}', printed(table, request)))
                    self.assertEqual(got, encode(table, answer))

    def test_every_message_has_the_defaults_of_its_dialect(self):
        for dialect, table in DIALECTS.items():
            for method in UNARY:
                request = METHODS[method][0]
                self.channel.unary_unary(f'/{dialect}.Synchronizer/{method}')(b'', timeout=20)
                self.assertEqual(self.server.request()[1], printed_empty(table, request), (dialect, method))

    def test_server_streams_come_whole(self):
        for dialect, table in DIALECTS.items():
            for method in ('Upgrade', 'Plugin'):
                request, answer = METHODS[method]
                got = list(self.channel.unary_stream(f'/{dialect}.Synchronizer/{method}')(encode(table, request), timeout=20))
                self.assertEqual(self.server.request()[1], printed(table, request))
                self.assertEqual(got, [encode(table, answer)] * 3)

    def test_a_push_goes_on_until_its_caller_leaves(self):
        for dialect, table in DIALECTS.items():
            stream = self.channel.unary_stream(f'/{dialect}.Synchronizer/Push')(encode(table, 'SyncRequest'))
            self.assertEqual(next(stream), encode(table, 'SyncResponse'))
            self.assertEqual(self.server.request()[1], printed(table, 'SyncRequest'))
            stream.cancel()
            self.server.until('closed cancelled')

    def test_both_sides_send_until_one_has_no_more(self):
        for dialect, table in DIALECTS.items():
            sent = queue.Queue()
            stream = self.channel.stream_stream(f'/{dialect}.Synchronizer/RemoteExecute')(iter(sent.get, None), timeout=20)
            for _ in range(20):
                sent.put(encode(table, 'RemoteExecResponse'))
                self.assertEqual(next(stream), encode(table, 'RemoteExecRequest'))
                self.assertEqual(self.server.request()[1], printed(table, 'RemoteExecResponse'))
            sent.put(None)
            with self.assertRaises(grpc.RpcError) as caught:
                next(stream)
            self.assertEqual((caught.exception.code(), caught.exception.details()),
                             (grpc.StatusCode.ABORTED, 'we are done: 100 % ü'))

    def test_what_is_wrong_is_said_and_the_rest_goes_on(self):
        sync = '/agent.Synchronizer/Sync'
        codes = grpc.StatusCode
        self.assertEqual(self.code_of('/agent.Synchronizer/Nope', b''), (codes.UNIMPLEMENTED, 'no such method'))
        self.assertEqual(self.code_of('/other.Service/Sync', b'')[0], codes.UNIMPLEMENTED)
        for bad in (b'\xff', b'\x08', b'\x0a\x05abc', b'\x0b', bytes(range(256))):
            self.assertEqual(self.code_of(sync, bad)[0], codes.INVALID_ARGUMENT, bad)
        self.assertEqual(self.code_of(sync, b'\x2a' + varint(1 << 20) + bytes(1 << 20))[0], codes.RESOURCE_EXHAUSTED)
        self.assertEqual(self.code_of(sync, bytes(100), compression=grpc.Compression.Gzip)[0], codes.UNIMPLEMENTED)
        self.assertEqual(self.channel.unary_unary(sync)(b'\xc0\x3e\x01', timeout=20), encode(DIALECTS['agent'], 'SyncResponse'))

    def test_two_hundred_calls_at_once(self):
        method = self.channel.unary_unary('/agent.Synchronizer/Query')
        calls = [method.future(encode(DIALECTS['agent'], 'NtpRequest'), timeout=60) for _ in range(200)]
        self.assertEqual({c.result() for c in calls}, {encode(DIALECTS['agent'], 'NtpResponse')})


class Handler(grpc.GenericRpcHandler if grpc else object):
    """Whatever is called: its bytes are kept, and answers filled by rule."""

    def __init__(self):
        self.seen = queue.Queue()
        self.odd = None  # what to do instead of a unary answer

    def service(self, details):
        dialect, _, method = details.method[1:].replace('/', '.').split('.')
        answer = encode(DIALECTS[dialect], METHODS[method][1])

        def one(request, context):
            self.seen.put(request)
            return self.odd(context) if self.odd else answer

        def many(request, context):
            self.seen.put(request)
            yield from [answer] * 3

        def both(requests, context):
            for request in requests:
                self.seen.put(request)
                yield answer

        if method == 'RemoteExecute':
            return grpc.stream_stream_rpc_method_handler(both)
        if method in ('Push', 'Upgrade', 'Plugin'):
            return grpc.unary_stream_rpc_method_handler(many)
        return grpc.unary_unary_rpc_method_handler(one)


class Inner(weir.Case):
    """Messages that travel as bytes in others."""

    def test_tables_and_policies_have_every_field(self):
        for dialect, table in DIALECTS.items():
            for name in ('PlatformData', 'Groups', 'FlowAcls'):
                data = encode(table, name).hex()
                p = weir.run(PEER, 'message', f'{dialect}.{name}', data)
                self.assertEqual(p.stdout.splitlines(), [f'message {dialect}.{name}', *printed(table, name), 'end', data])

    def test_rows_have_the_defaults_of_their_dialect(self):
        for dialect, table in DIALECTS.items():
            rows = (('PlatformData', 1, 'interfaces', 'Interface'), ('PlatformData', 4, 'cidrs', 'Cidr'),
                    ('PlatformData', 3, 'peer_connections', 'PeerConnection'), ('Groups', 1, 'groups', 'Group'),
                    ('FlowAcls', 1, 'flow_acl', 'FlowAcl'))
            for name, number, field, row in rows:
                p = weir.run(PEER, 'message', f'{dialect}.{name}', varint(number << 3 | 2).hex() + '00')
                wanted = [f'  {field}#{number}.{line.strip()}' for line in printed_empty(table, row)]
                self.assertEqual(p.stdout.splitlines()[1:-2], wanted)


class Serving(weir.Case):
    def serve(self, credentials=None, **options):
        self.handler = Handler()
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(8), handlers=[self.handler], **options)
        port = server.add_secure_port('127.0.0.1:0', credentials) if credentials else server.add_insecure_port('127.0.0.1:0')
        server.start()
        self.addCleanup(lambda: server.stop(None).wait())
        return f'127.0.0.1:{port}'


@unittest.skipIf(grpc is None, 'python3-grpcio is not installed')
class Called(Serving):
    """weir calls Python."""

    def test_every_method_gives_and_takes_every_field(self):
        target = self.serve()
        for dialect, table in DIALECTS.items():
            for method, (request, answer) in METHODS.items():
                with self.subTest(dialect=dialect, method=method):
                    answers, status = call(target, f'/{dialect}.Synchronizer/{method}')
                    self.assertEqual(status, 'status OK ')
                    self.assertEqual(self.handler.seen.get(timeout=20), encode(table, request))
                    many = method in ('Push', 'Upgrade', 'Plugin')
                    self.assertEqual(answers, [printed(table, answer)] * (3 if many else 1))

    def test_absent_fields_are_not_sent_and_answers_without_them_have_defaults(self):
        target = self.serve()
        self.handler.odd = lambda context: b''
        for dialect, table in DIALECTS.items():
            for method in UNARY:
                answers, _ = call(target, f'/{dialect}.Synchronizer/{method}', 'empty')
                self.assertEqual(self.handler.seen.get(timeout=20), b'')
                self.assertEqual(answers, [printed_empty(table, METHODS[method][1])])

    def test_the_defaults_of_the_old_configuration(self):
        target = self.serve()
        self.handler.odd = lambda context: b'\x12\x00'  # config, empty
        lines = call(target, '/trident.Synchronizer/Sync')[0][0]
        wanted = ['  config#2.' + line.strip() for line in printed_empty(DIALECTS['trident'], 'Config')]
        self.assertEqual([line for line in lines if line.startswith('  config#2.')], wanted)

    def test_failures_are_told_apart(self):
        target = self.serve()
        rows = (
            (lambda context: context.abort(grpc.StatusCode.NOT_FOUND, 'not here: 50 % ü'), 'status NOT_FOUND not here: 50 % ü'),
            (lambda context: b'\xff\xff', 'status INTERNAL agent.SyncResponse of 2 bytes: it cannot be decoded'),
            (lambda context: 1 / 0, 'status UNKNOWN Exception calling application: division by zero'),
            (lambda context: b'\x12' + varint(6 << 20) + bytes(6 << 20), 'status RESOURCE_EXHAUSTED '),
        )
        for odd, wanted in rows:
            self.handler.odd = odd
            answers, status = call(target, '/agent.Synchronizer/Sync')
            self.assertEqual(answers, [])
            self.assertTrue(status.startswith(wanted), status)

    def test_a_server_that_likes_to_compress_is_asked_not_to(self):
        target = self.serve(compression=grpc.Compression.Gzip)
        answers, status = call(target, '/agent.Synchronizer/Sync')
        self.assertEqual((len(answers), status), (1, 'status OK '))


@unittest.skipIf(grpc is None, 'python3-grpcio is not installed')
class Certificates(Serving):
    """Both ways with certificates of both sides."""

    def setUp(self):
        super().setUp()
        script = '''set -e
key='-newkey rsa:2048 -nodes'
openssl req -x509 $key -keyout ca.key -out ca.pem -days 2 -subj /CN=ca
for name in server client; do
  openssl req $key -keyout $name.key -out $name.csr -subj /CN=$name.weir
  echo subjectAltName=IP:127.0.0.1 >ext
  openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out $name.pem
done'''
        p = weir.run('/bin/sh', '-c', script, cwd=self.dir)
        self.assertEqual(p.returncode, 0, p.stderr)

    def path(self, name):
        return os.path.join(self.dir, name)

    def read(self, name):
        with open(self.path(name), 'rb') as f:
            return f.read()

    def test_python_is_let_in_with_its_certificate_and_known_by_its_name(self):
        server = Server(self.path('ca.pem'), self.path('server.pem'), self.path('server.key'), 'mutual')
        for own, code in (((self.read('client.key'), self.read('client.pem')), None), ((None, None), grpc.StatusCode.UNAVAILABLE)):
            with grpc.secure_channel(server.target, grpc.ssl_channel_credentials(self.read('ca.pem'), *own)) as channel:
                method = channel.unary_unary('/agent.Synchronizer/Sync')
                if code is None:
                    method(b'', timeout=20)
                    self.assertEqual(server.line(), 'from client.weir')
                    continue
                with self.assertRaises(grpc.RpcError) as caught:
                    method(b'', timeout=20)
                self.assertEqual(caught.exception.code(), code)
        self.assertEqual(server.stop()[0], 0)

    def test_weir_is_let_in_by_python_with_its_certificate(self):
        credentials = grpc.ssl_server_credentials([(self.read('server.key'), self.read('server.pem'))], self.read('ca.pem'), True)
        target = self.serve(credentials)
        sync = '/agent.Synchronizer/Sync'
        ca = self.path('ca.pem')
        self.assertEqual(call(target, sync, 'filled', ca, self.path('client.pem'), self.path('client.key'))[1], 'status OK ')
        self.assertTrue(call(target, sync, 'filled', ca)[1].startswith('status UNAVAILABLE '))
        self.assertTrue(call(target, sync)[1].startswith('status UNAVAILABLE '))


if __name__ == '__main__':
    weir.main()
