#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The forms of the log, read by programs that know nothing of weir: Python's json, logfmt's grammar, journald itself."""
import json
import os
import random
import re
import subprocess
import unittest

import weir

JOURNALD = '/lib/systemd/systemd-journald'
# key=value; a value in quotes has the escapes of JSON (brandur.org/logfmt, go-logfmt)
PAIR = re.compile(r'([a-z_]+)=("(?:[^"\\\x00-\x1f]|\\.)*"|[^\s"=\\]+)(?: |$)')
# Names that a log must not be led astray by; bytes, since a file's name may be any.
HOSTILE = (b'a\nb', b'a" level=info msg="b', b'{"msg":"x"}', b'\xff\xfe', b'\x1b]0;title\x07', b'a\\nb\\', b'caf\xc3\xa9',
           b'\xed\xa0\x80', b'\xf4\x90\x80\x80', b'\r\x08\x7f\xc2\x9b', b'%s%n', b'=', b"it's", b'\xe2\x80\xa8')


def logfmt(line):
    pairs, at = {}, 0
    while at < len(line):
        m = PAIR.match(line, at)
        if m is None:
            raise ValueError(f'no key=value at {at} of {line!r}')
        pairs[m[1]] = json.loads(m[2]) if m[2].startswith('"') else m[2]
        at = m.end()
    return pairs


def hostile_names():
    chance = random.Random(5)
    made = [bytes(chance.choice(b'\n"\\ =a{}\x01\x1f\x7f\x80\xc3\xa9\xe2\xf0\xff') for _ in range(chance.randrange(1, 40)))
            for _ in range(40)]
    return list(HOSTILE) + made


def text_of(name):
    """What a reader of text may see of a name: how many characters stand for bad bytes is the writer's choice."""
    return re.sub('\ufffd+', '\ufffd', name.decode('utf-8', 'replace'))


class Log(weir.Case):
    def said(self, form, name):
        """-> what is said of a capture of this name, which is not there; bytes."""
        box = self.file('agent.cfg', b'log = { format = "%s"; };' % form.encode())
        p = subprocess.run([weir.AGENT.encode(), b'replay', b'-c', box.encode(), b'--', name], cwd=self.dir,
                           stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        self.assertEqual(p.returncode, weir.FAILED, p.stderr)
        return p.stderr

    def one_line(self, form, name):
        said = self.said(form, name)
        self.assertTrue(said.endswith(b'\n'), said)
        text = said[:-1].decode()  # UTF-8, or this fails
        self.assertFalse(re.search(r'[\x00-\x1f\x7f-\x9f]', text), text)
        return text

    def check(self, fields, name):
        self.assertEqual(sorted(fields), ['level', 'msg', 'time'])
        self.assertEqual(fields['level'], 'error')
        self.assertRegex(fields['time'], r'^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$')
        self.assertTrue(re.sub('\ufffd+', '\ufffd', fields['msg']).startswith(text_of(name)), (fields, name))

    def test_json_gives_every_name_back(self):
        for name in hostile_names():
            self.check(json.loads(self.one_line('json', name)), name)

    def test_logfmt_gives_every_name_back(self):
        for name in hostile_names():
            self.check(logfmt(self.one_line('logfmt', name)), name)

    def test_text_is_one_printable_line(self):
        for name in hostile_names():
            self.assertTrue(self.one_line('text', name).startswith('weir: error: '))

    def test_a_bad_form_is_a_mistake(self):
        box = self.file('agent.cfg', b'log = { format = "jsn"; };')
        p = weir.run(weir.AGENT, 'check', '-c', box)
        self.assertEqual(p.returncode, weir.INVALID)
        self.assertIn('did you mean json', p.stderr)

    def test_without_a_journal_it_is_text_and_that_is_said(self):
        alone = ['unshare', '-rm', 'sh', '-c', 'mount -t tmpfs none /run && exec "$@"', 'sh']
        if weir.run(*alone, 'true').returncode != 0:
            self.skipTest('no mount namespace to be had')
        box = self.file('agent.cfg', b'log = { format = "journal"; };')
        p = weir.run(*alone, weir.AGENT, 'replay', '-c', box, '/no/such')
        self.assertEqual(p.stderr.splitlines()[0], 'weir: warning: log.format: no journal: No such file or directory; '
                         'it is text on standard error')

    def journal(self, command):
        """-> entries of weir-agent in a journald of their own, where a shell ran a command beside it."""
        if weir.run('unshare', '-rmpf', '--mount-proc', 'true').returncode != 0:
            self.skipTest('no namespaces to be had')
        script = f'''
            mount -t tmpfs none /run && mkdir -p /run/systemd/journal /run/log/journal
            {JOURNALD} &
            for i in $(seq 100); do [ -S /run/systemd/journal/stdout ] && break; sleep 0.1; done
            {command}
            for i in $(seq 50); do
                journalctl -q --no-pager -a -o json SYSLOG_IDENTIFIER=weir-agent >found
                [ -s found ] && break
                sleep 0.1
            done
            cat found'''
        p = subprocess.run(['unshare', '-rmpf', '--mount-proc', 'sh', '-c', script, weir.AGENT], cwd=self.dir,
                           stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
        return [json.loads(line) for line in p.stdout.splitlines()]

    @unittest.skipUnless(os.path.exists(JOURNALD), 'systemd-journald is not installed')
    def test_journald_has_the_message_and_its_level(self):
        self.file('agent.cfg', b'log = { format = "journal"; };')
        entry, = self.journal('"$0" replay -c agent.cfg "no\nsuch"')
        self.assertEqual((entry['_TRANSPORT'], entry['PRIORITY'], entry['MESSAGE']),
                         ('journal', '3', 'no\\nsuch: No such file or directory'))

    @unittest.skipUnless(os.path.exists(JOURNALD), 'systemd-journald is not installed')
    def test_where_standard_error_is_the_journals_stream_the_journal_gets_fields_by_itself(self):
        stream = 'systemd-cat -t weir-agent sh -c \'JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2){} exec "$0" replay ' \
                 '-c /dev/null /no/such\' "$0"'
        entry, = self.journal(stream.format(''))
        self.assertEqual((entry['_TRANSPORT'], entry['PRIORITY']), ('journal', '3'))
        entry, = self.journal(stream.format('0'))  # another stream: its lines are text
        self.assertEqual((entry['_TRANSPORT'], entry['MESSAGE'][:13]), ('stdout', 'weir: error: '))


if __name__ == '__main__':
    weir.main()
