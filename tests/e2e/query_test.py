#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Questions of weirctl to a store and to record files: what Python makes of the JSON lines of the same replay."""
import collections
import csv
import fcntl
import functools
import glob
import io
import ipaddress
import json
import os
import pty
import random
import re
import shutil
import sqlite3
import struct
import subprocess
import tempfile
import termios
import time

import weir

FIELD = re.compile(r'^WEIR_(FIELD|DERIVED)\((\w+), (\w+), .*?, (?:(?:\w+), )?(ALWAYS|SET|NEVER), "', re.M)
UNITS = {'k': 10**3, 'M': 10**6, 'G': 10**9, 'T': 10**12, 'Ki': 2**10, 'Mi': 2**20, 'Gi': 2**30, 'Ti': 2**40,
         'us': 1, 'ms': 10**3, 's': 10**6, 'min': 60 * 10**6, 'h': 3600 * 10**6}
SUMS = ('flow', 'packet', 'byte', 'retrans', 'zero_win', 'syn')
WORDS = re.compile(r"""'[^']*'|"[^"]*"|[\w.:/+-]+|[=!<>]=|[<>(),]""")
EXPRESSIONS = 200


def table():
    """-> {field: kind} of all that is in JSON, but lists."""
    with open(os.path.join(weir.SOURCE, 'lib/rec/flow_fields.def')) as f:
        return {name: kind for _, name, kind, show in FIELD.findall(f.read()) if show != 'NEVER' and kind != 'GIDS'}


KINDS = table()
NUMBERS = {'U8', 'U16', 'U32', 'U64', 'I32', 'ID', 'TIME', 'SPAN'}


def typed(record):
    """A record of JSON lines as Python values, what it leaves out included."""
    values = {}
    for name, kind in KINDS.items():
        v = record.get(name, '0.0.0.0' if kind == 'IP4' else 0)
        values[name] = int(v) if kind in NUMBERS else ipaddress.ip_address(v) if kind in ('IP', 'IP4') else v
    return values


class Net:
    """A prefix that is equal to its addresses: so that a tuple holds them."""

    def __init__(self, text):
        self.net = ipaddress.ip_network(text, strict=False)

    def __eq__(self, ip):
        return ip in self.net

    def __contains__(self, ip):
        return ip in self.net


def constant(word):
    word = word.strip('\'"')
    number = re.fullmatch(r'(-?\d+(?:\.\d+)?)([A-Za-z]*)', word)
    if number and (number[2] in UNITS or not number[2]):
        whole, _, part = number[1].partition('.')
        return int(whole + part) * UNITS.get(number[2], 1) // 10 ** len(part)
    if re.fullmatch(r'0x[0-9a-fA-F]+', word):
        return int(word, 16)
    if '/' in word:
        return Net(word)
    try:
        return ipaddress.ip_address(word)
    except ValueError:
        return word.lower()


@functools.lru_cache(maxsize=None)
def compiled(text):
    """The same condition for Python's own eval()."""
    out, listed = [], False
    for word in WORDS.findall(text):
        if word == '(' and out and out[-1] == 'in':
            listed = True
        if word == ')' and listed:
            out.append(',')
            listed = False
        if word in KINDS:
            out.append(f'r[{word!r}]')
        elif word in ('and', 'or', 'not', 'in') or re.fullmatch(r'[=!<>]=|[<>(),]', word):
            out.append(word)
        else:
            out.append(f'constant({word!r})')
    return compile(' '.join(out), text, 'eval')


def holds(text, record):
    return bool(eval(compiled(text), {'constant': constant}, {'r': record}))


class Conditions:
    """Random conditions over values that occur."""

    def __init__(self, seed, records):
        self.random = random.Random(seed)
        self.records = records

    def number(self, kind, v):
        r = self.random
        v = max(v + r.choice((0, 0, 0, 1, -1)), 0) if v >= 0 else v
        v = min(v, {'U8': 2**8, 'U16': 2**16, 'U32': 2**32}.get(kind, 2**64) - 1)
        forms = [str(v)]
        if v >= 0:
            forms.append(hex(v))
        for unit in ('us', 'ms', 's') if kind in ('SPAN', 'TIME') else ('k', 'Ki', 'M'):
            if v > 0 and v % UNITS[unit] == 0:
                forms.append(f'{v // UNITS[unit]}{unit}')
        if kind == 'SPAN' and v > 0:
            forms.append(f'{v // 1000}.{v % 1000:03}ms')
        return r.choice(forms)

    def value(self, name, prefix):
        kind, v = KINDS[name], self.random.choice(self.records)[name]
        if kind in NUMBERS:
            return self.number(kind, v)
        if kind in ('IP', 'IP4'):
            if prefix and self.random.random() < 0.5:
                return f'{v}/{self.random.randrange(v.max_prefixlen + 1)}'
            return str(v)
        return self.random.choice((v, f"'{v}'", f'"{v}"')) if v else "''"

    def comparison(self):
        r = self.random
        name = r.choice(list(KINDS))
        ordered = KINDS[name] in NUMBERS
        op = r.choice(('==', '!=', '<', '<=', '>', '>=', 'in', 'not in') if ordered else ('==', '!=', 'in', 'not in'))
        if 'in' in op:
            values = [self.value(name, True) for _ in range(r.randrange(1, 5))]
            return f'{name} {op} ({", ".join(values)})'
        others = [o for o, k in KINDS.items() if k == KINDS[name] or {k, KINDS[name]} <= NUMBERS]
        return f'{name}{r.choice((" ", ""))}{op} {r.choice(others) if r.random() < 0.15 else self.value(name, False)}'

    def condition(self, depth=3):
        r = self.random
        if depth == 0 or r.random() < 0.3:
            return self.comparison()
        what = r.randrange(4)
        if what == 0:
            return f'not {self.condition(0)}'
        if what == 1:
            return f'({self.condition(depth - 1)})'
        return f'{self.condition(depth - 1)} {r.choice(("and", "or"))} {self.condition(depth - 1)}'


class Query(weir.Case):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix='weir-e2e-')
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        mix = os.path.join(cls.folder, 'mix.pcap')
        subprocess.run([weir.TRAFFIC, '--packets', '20000', 'mix', mix], check=True)
        cls.store, cls.files = os.path.join(cls.folder, 'store'), os.path.join(cls.folder, 'files')
        p = weir.replay('--reports', '--flows', '-', '--store', cls.store, '--records', cls.files, mix,
                        *sorted(glob.glob(os.path.join(weir.DATA, '*.pcap'))))
        assert p.returncode == weir.OK, p.stderr
        cls.lines = p.stdout.splitlines()
        cls.records = [typed(json.loads(line)) for line in cls.lines]
        assert len(cls.lines) > 1000

    @property
    def sources(self):
        return ('--store', self.store), ('--file', self.files)

    def ask(self, *arguments):
        p = weir.run(weir.CTL, 'flow', *arguments)
        self.assertEqual((p.returncode, p.stderr), (weir.OK, ''), arguments)
        return p.stdout

    def check(self, expected, *arguments, ordered=False):
        """Both sources answer with these lines."""
        for source in self.sources:
            lines = self.ask('list', '-o', 'jsonl', *source, *arguments).splitlines()
            if ordered:
                self.assertEqual(lines, expected, arguments)
            else:
                self.assertEqual(sorted(lines), sorted(expected), arguments)

    def where(self, predicate):
        return [line for line, r in zip(self.lines, self.records) if predicate(r)]

    def test_a_condition_means_what_python_says(self):
        conditions = Conditions(4711, self.records)
        telling = 0
        for _ in range(EXPRESSIONS):
            text = conditions.condition()
            expected = self.where(lambda r: holds(text, r))
            self.check(expected, '--where', text)
            telling += 0 < len(expected) < len(self.lines)
        self.assertGreater(telling, EXPRESSIONS / 2)

    def test_filters_choose_what_python_chooses(self):
        r = next(r for r in self.records if r['ip_0'].version == 4 and r['server_port'])
        client, net = r['ip_0'], ipaddress.ip_network(f'{r["ip_1"]}/20', strict=False)
        middle = sorted(r['start_time'] for r in self.records)[len(self.records) // 2]
        since, until = f'{middle / 1e6:.6f}', f'{middle / 1e6 + 60:.6f}'
        for arguments, predicate in (
                (['--ip', str(client)], lambda r: client in (r['ip_0'], r['ip_1'])),
                (['--ip', f'{client},{net}'], lambda r: client in (r['ip_0'], r['ip_1']) or r['ip_0'] in net or
                                                        r['ip_1'] in net),
                (['--ip', '::/0', '--ip', f'{client}/31'],
                 lambda r: r['ip_0'].version == 6 or any(r[f] in ipaddress.ip_network(f'{client}/31', strict=False)
                                                         for f in ('ip_0', 'ip_1'))),
                (['--port', str(r['server_port'])], lambda x: r['server_port'] in (x['client_port'], x['server_port'])),
                (['--protocol', 'udp'], lambda r: r['protocol'] == 17),
                (['--tap', '1'], lambda r: r['capture_nic'] % 256 == 1),
                (['--tap', '2'], lambda r: r['capture_nic'] % 256 == 2),
                (['--close-type', 'timeout'], lambda r: r['close_type'] == 3),
                (['--close-type', '5'], lambda r: r['close_type'] == 5),
                (['--since', since], lambda r: r['end_time'] >= middle),
                (['--until', since], lambda r: r['start_time'] < middle),
                (['--since', since, '--until', until, '--protocol', '6', '--where', 'byte_tx > 1k'],
                 lambda r: r['end_time'] >= middle and r['start_time'] < middle + 60 * 10**6 and r['protocol'] == 6 and
                 r['byte_tx'] > 1000)):
            self.check(self.where(predicate), *arguments)

    def test_the_last_hours_are_those_before_now(self):
        hours = int((time.time() - 1700000000) / 3600) + 1  # the traffic that is made begins then
        self.check(self.lines, '--last', f'{hours}h')
        self.check([], '--last', '1s')

    def test_sorted_rows_are_in_pythons_order(self):
        """Its sort is stable: equal rows stay as they were written."""
        for name in ('byte_tx', 'start_time', 'end_time', 'rtt', 'l3_epc_id_0', 'server_port', 'ip_0', 'mac_1', 'status'):
            key = lambda r, n=name: r[n]  # noqa: E731
            if KINDS[name] in ('IP', 'MAC'):
                key = lambda r, n=name: (r[n].packed.ljust(16, b'\0') if n == 'ip_0' else r[n], r['start_time'],  # noqa: E731
                                         r['flow_id'])
            order = sorted(range(len(self.records)), key=lambda i: key(self.records[i]))
            smallest = [self.lines[i] for i in order]
            self.check(smallest[:50], '--sort', name, '--limit', '50', ordered=True)
            self.check(smallest[::-1][:50], '--sort', '-' + name, '--limit', '50', ordered=True)
            self.check(smallest[::-1], '--sort', '-' + name, ordered=True)
        tcp = [i for i in order if self.records[i]['protocol'] == 6]
        self.check([self.lines[i] for i in tcp[:7]], '--sort', name, '--limit', '7', '--where', 'protocol == 6', ordered=True)

    def test_unsorted_rows_stop_at_the_limit(self):
        by_end = sorted(range(len(self.lines)), key=lambda i: self.records[i]['end_time'])
        self.assertEqual(self.ask('list', '-o', 'jsonl', '--limit', '30', '--store', self.store).splitlines(),
                         [self.lines[i] for i in by_end[:30]])
        self.assertEqual(self.ask('list', '-o', 'jsonl', '--limit', '30', '--file', self.files).splitlines(),
                         self.lines[:30])

    def groups(self, fields, records):
        sums = collections.defaultdict(lambda: [0] * len(SUMS))
        for r in records:
            flows = max(r['flow_count'], 1) if r['is_new_flow'] else 0
            row = (flows, r['packet_tx'] + r['packet_rx'], r['byte_tx'] + r['byte_rx'], r['retrans_tx'] + r['retrans_rx'],
                   r['zero_win_tx'] + r['zero_win_rx'], r['syn_count'])
            key = tuple(str(r[f]) for f in fields)
            sums[key] = [a + b for a, b in zip(sums[key], row)]
        return sums

    def test_groups_sum_up_to_what_python_sums_up(self):
        for fields in (['ip_1'], ['ip_0', 'ip_1'], ['protocol', 'server_port'], ['close_type'], ['mac_0', 'status'],
                       ['l3_epc_id_0', 'tunnel_type'], ['tunnel_tx_ip_0', 'vlan'], ['observation_point'], ['capture_nic']):
            for by in SUMS:
                condition, records = ([], self.records) if by != 'byte' else \
                    (['--where', 'packet_tx > packet_rx'], [r for r in self.records if r['packet_tx'] > r['packet_rx']])
                expected = self.groups(fields, records)
                total = sum(row[SUMS.index(by)] for row in expected.values())
                texts = [self.ask('top', '-o', 'csv', '--group-by', ','.join(fields), '--by', by, '--limit', '100000',
                                  *condition, *source) for source in self.sources]
                self.assertEqual(*texts)
                rows = list(csv.DictReader(io.StringIO(texts[0])))
                self.assertEqual({tuple(r[f] for f in fields): [int(r[s]) for s in SUMS] for r in rows}, expected)
                counts = [int(r[by]) for r in rows]
                self.assertEqual(counts, sorted(counts, reverse=True))
                for r in rows:
                    self.assertAlmostEqual(float(r['share']), int(r[by]) / total if total else 0, delta=0.0001)
                self.assertEqual([self.ask('top', '-o', 'csv', '--group-by', ','.join(fields), '--by', by, '--limit', '3',
                                           *condition, *source) for source in self.sources],
                                 [''.join(texts[0].splitlines(True)[:4])] * 2)

    def test_top_servers_are_those_of_sqlite(self):
        sums = collections.Counter()
        for path in glob.glob(os.path.join(self.store, '*.sqlite')):
            db = sqlite3.connect(f'file:{path}?mode=ro', uri=True)
            sums.update(dict(db.execute("SELECT ip_1, sum(byte_tx + byte_rx) FROM flow WHERE ip_1 <> '0.0.0.0' GROUP BY 1")))
            db.close()
        rows = csv.DictReader(io.StringIO(self.ask('top', '-o', 'csv', '--limit', '100000', '--store', self.store)))
        self.assertEqual({r['key']: int(r['byte']) for r in rows if r['key'] != '(no address)'}, dict(sums))

    def test_every_format_has_the_same_answer_from_both(self):
        for arguments in (['list', '--sort', 'start_time'], ['top', '--of', 'pair'], ['top', '--of', 'client'],
                          ['top', '--of', 'port', '--by', 'flow'], ['top', '--group-by', 'close_type,protocol']):
            for form in ('table', 'wide', 'json', 'yaml', 'jsonl', 'csv'):
                answers = [weir.run(weir.CTL, 'flow', *arguments, '-o', form, *source) for source in self.sources]
                self.assertEqual(*[(p.returncode, p.stdout, p.stderr) for p in answers], (arguments, form))
                self.assertEqual(answers[0].returncode, weir.OK)
                self.assertGreater(len(answers[0].stdout), 0)

    def test_a_flow_is_shown_with_its_reports_merged(self):
        reports = collections.Counter(r['flow_id'] for r in self.records)
        for flow_id in [i for i, n in reports.most_common(3)] + [self.records[-1]['flow_id']]:
            rows = [r for r in self.records if r['flow_id'] == flow_id]
            texts = [self.ask('show', str(flow_id), '-o', 'jsonl', *source) for source in self.sources]
            self.assertEqual(*texts)
            shown = json.loads(texts[0])
            for name in ('packet_tx', 'packet_rx', 'byte_tx', 'byte_rx', 'retrans_tx', 'syn_count'):
                self.assertEqual(shown[name], sum(r[name] for r in rows))
            self.assertEqual(shown['end_time'], rows[-1]['end_time'])
            self.assertIn(f'flow_id                   {flow_id}', self.ask('show', str(flow_id), '--store', self.store))

    def test_a_flow_whose_first_report_is_gone_is_shown_too(self):
        folder = shutil.copytree(self.store, os.path.join(self.dir, 'store'))
        flow_id = collections.Counter(r['flow_id'] for r in self.records).most_common(1)[0][0]
        for path in glob.glob(os.path.join(folder, '*.sqlite')):
            db = sqlite3.connect(path)
            db.execute('DELETE FROM flow_row WHERE flow_id = ? AND record_flags & 1', (flow_id,))
            db.commit()
            db.close()
        shown = json.loads(self.ask('show', str(flow_id), '-o', 'jsonl', '--store', folder))
        self.assertEqual(shown['packet_tx'], sum(r['packet_tx'] for r in self.records
                                                 if r['flow_id'] == flow_id and not r['is_new_flow']))

    def test_what_is_not_there_exits_4_and_says_what_to_do(self):
        for arguments, text in ((['list', '--store', self.dir], 'no store is there; weir-agent writes one'),
                                (['top', '--store', os.path.join(self.dir, 'none')], '--store DIR asks another'),
                                (['show', '5', '--store', self.store], 'flow 5: not in ' + self.store),
                                (['show', '5', '--file', self.files], 'flow 5: not in ' + self.files)):
            p = weir.run(weir.CTL, 'flow', *arguments)
            self.assertEqual((p.returncode, p.stdout), (weir.NOT_FOUND, ''), arguments)
            self.assertIn(text, p.stderr)

    def test_a_store_without_rows_answers_with_none(self):
        self.file('store/lock', b'')
        p = weir.run(weir.CTL, 'flow', 'list', '--store', os.path.join(self.dir, 'store'), '-o', 'json')
        self.assertEqual((p.returncode, p.stdout), (weir.OK, '[]\n'), p.stderr)

    def test_a_file_that_cannot_be_read_is_named_and_the_others_answer(self):
        folder = shutil.copytree(self.store, os.path.join(self.dir, 'store'))
        first, *others = sorted(glob.glob(os.path.join(folder, '*.sqlite')))
        self.assertGreater(len(others), 0)
        with open(first, 'r+b') as f:
            f.truncate(1000)
        day = re.search(r'flow-(\d{10})', first)[1]
        there = [line for line, r in zip(self.lines, self.records)
                 if time.strftime('%Y%m%d%H', time.gmtime(r['end_time'] / 1e6)) != day]
        for arguments in (['list', '-o', 'jsonl'], ['top', '-o', 'jsonl'], ['list', '--sort', '-rtt', '--limit', '5'],
                          ['top', '--group-by', 'status'], ['show', str(json.loads(there[0])['flow_id'])]):
            p = weir.run(weir.CTL, 'flow', *arguments, '--store', folder)
            self.assertEqual(p.returncode, weir.PARTIAL, p.stderr)
            self.assertEqual(p.stderr.count(os.path.basename(first)), 1, p.stderr)
            if arguments == ['list', '-o', 'jsonl']:
                self.assertEqual(sorted(p.stdout.splitlines()), sorted(there))
            self.assertNotEqual(p.stdout, '')

    def test_a_wrong_condition_exits_2_with_its_column(self):
        for text, words in (('bite_tx > 1', 'column 1: "bite_tx": no such field; did you mean byte_tx'),
                            ('rtt > 1 and', 'column 12: the end: expected is a field'),
                            ('server_port in (80, http)', 'column 21: "http": server_port: expected is a whole number')):
            p = weir.run(weir.CTL, 'flow', 'list', '--where', text, '--store', self.store)
            self.assertEqual((p.returncode, p.stdout), (weir.USAGE, ''))
            self.assertIn(f'--where: {words}', p.stderr)

    def test_a_reader_that_leaves_early_is_no_failure(self):
        for source in self.sources:
            for arguments in (['list', '-o', 'jsonl'], ['list'], ['list', '--sort', 'rtt', '-o', 'csv'],
                              ['show', str(self.records[0]['flow_id'])]):
                reader, writer = os.pipe()
                os.close(reader)
                p = weir.run(weir.CTL, 'flow', *arguments, *source, stdout=writer)
                os.close(writer)
                self.assertEqual(p.returncode, weir.OK, p.stderr)
                self.assertNotIn('weirctl', p.stderr)
        p = weir.run('bash', '-c', f'"$0" flow list --store "$1" | head -n 1; exit ${{PIPESTATUS[0]}}', weir.CTL, self.store)
        self.assertEqual((p.returncode, len(p.stdout.splitlines())), (weir.OK, 1), p.stderr)

    def on_terminal(self, width, *arguments):
        """-> what weirctl writes to a terminal of this width, header included."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack('HHHH', 24, width, 0, 0))
        p = subprocess.Popen([weir.CTL, 'flow', *arguments, '--store', self.store, '--limit', '20'], stdin=subprocess.DEVNULL,
                             stdout=theirs, stderr=theirs)
        os.close(theirs)
        text = b''
        try:
            while more := os.read(ours, 65536):
                text += more
        except OSError:  # the other side is closed
            pass
        os.close(ours)
        self.assertEqual(p.wait(60), weir.OK)
        return text.decode().splitlines()

    def test_a_table_fits_its_terminal_and_says_what_it_leaves_out(self):
        whole = weir.run(weir.CTL, 'flow', 'list', '--store', self.store, '--limit', '20')
        widest = max(len(line) for line in (whole.stdout + whole.stderr).splitlines())
        for width in (80, 100, 120, widest - 1):
            lines = self.on_terminal(width, 'list')
            self.assertLessEqual(max(len(line) for line in lines), width)
            self.assertRegex(lines[-1], r'^\(\d+ columns do not fit this terminal: -o wide has all\)$')
            self.assertEqual(len(lines), 22)
            for word in ('PROTO', 'CLIENT', 'SERVER'):
                self.assertIn(word, lines[0])
        self.assertEqual(sorted(self.on_terminal(widest, 'list')), sorted((whole.stderr + whole.stdout).splitlines()))
        self.assertIn('FLOW ID', self.on_terminal(80, 'list', '-o', 'wide')[0])

    def test_a_store_is_asked_while_it_is_written(self):
        folder = os.path.join(self.dir, 'store')
        agent = subprocess.Popen([weir.AGENT, 'replay', '-c', '/dev/null', '--store', folder, '--speed', '1x', '--loop', '2',
                                  weir.data('quickstart.pcap')], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(agent.wait)
        self.addCleanup(agent.kill)
        seen = [0]
        while agent.poll() is None:
            p = weir.run(weir.CTL, 'flow', 'list', '-o', 'jsonl', '--store', folder)
            self.assertIn(p.returncode, (weir.OK, weir.NOT_FOUND if seen[-1] == 0 else weir.OK), p.stderr)
            seen.append(len(p.stdout.splitlines()))
            top = weir.run(weir.CTL, 'flow', 'top', '-o', 'jsonl', '--store', folder)
            self.assertIn(top.returncode, (weir.OK, weir.NOT_FOUND if seen[-1] == 0 else weir.OK), top.stderr)
            time.sleep(0.1)
        self.assertEqual(agent.returncode, weir.OK)
        seen.append(len(self.ask('list', '-o', 'jsonl', '--store', folder).splitlines()))
        self.assertEqual(seen, sorted(seen))
        self.assertGreater(len(set(seen)), 1)

    def test_the_help_has_the_grammar_and_its_example_holds(self):
        text = self.ask('list', '--help')
        example = re.search(r'^  (byte_tx > 1M and .*)$', text, re.M)[1]
        self.check(self.where(lambda r: holds(example, r)), '--where', example)


if __name__ == '__main__':
    weir.main()
