# SPDX-License-Identifier: Apache-2.0
"""A controller's HTTP API for weirctl that answers what a test says, and keeps what it was asked."""
import http.server
import json
import os
import threading

import weir


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body

    def __repr__(self):
        return f'{self.method} {self.target} {self.body!r}'


def envelope(data=None, status='SUCCESS', description=''):
    return json.dumps({'OPT_STATUS': status, 'DESCRIPTION': description, 'DATA': data}).encode()


class Canned:
    """Answers of a table: (method, target) -> DATA, or (status of HTTP, body)."""

    def __init__(self, case, answers=None, context=None):
        self.answers, self.asked = dict(answers or {}), []
        canned = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def do_any(self):
                body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
                canned.asked.append(Request(self.command, self.path, dict(self.headers), body))
                status, reply = canned.reply(self.command, self.path)
                self.send_response(status)
                self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_any

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        thread = threading.Thread(target=self.server.serve_forever, kwargs={'poll_interval': 0.05})
        thread.start()

        def stop():
            self.server.shutdown()
            self.server.server_close()
            thread.join()
        case.addCleanup(stop)
        self.port = self.server.server_address[1]

    def reply(self, method, target):
        answer = self.answers.get((method, target))
        if answer is None:
            return 404, envelope(None, 'RESOURCE_NOT_FOUND', f'{method} {target}: no such route')
        return answer if isinstance(answer, tuple) else (200, envelope(answer))


class ApiCase(weir.Case):
    def setUp(self):
        super().setUp()
        self.env = {k: v for k, v in os.environ.items() if k not in ('WEIR_TOKEN', 'XDG_CONFIG_HOME')}
        self.env['HOME'] = self.dir
        self.port = None

    def canned(self, answers=None):
        server = Canned(self, answers)
        self.port = server.port
        return server

    def ctl(self, *words, code=weir.OK, env=None):
        """-> what weirctl writes to standard output; its standard error is self.err."""
        p = weir.run(weir.CTL, '--api-port', str(self.port), *words, env={**self.env, **(env or {})})
        self.assertEqual(p.returncode, code, f'{words}: {p.stdout}{p.stderr}')
        self.err = p.stderr
        return p.stdout
