#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""weirctl asks a running agent: status, ports, rates, flow records as they are made, packets."""
import csv
import io
import json
import os
import signal
import subprocess
import time

import live
import weir

TAP = '{ name = "edge"; ports = [ "cap" ]; }'


class Operator(live.LiveCase):
    def ctl(self, *words):
        return subprocess.run([weir.CTL, '--socket', self.socket, *words], capture_output=True, text=True, timeout=60)

    def ctl_begin(self, *words):
        p = subprocess.Popen([weir.CTL, '--socket', self.socket, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(p.kill)
        return p

    def json(self, *words):
        p = self.ctl(*words, '-o', 'json')
        self.assertEqual(p.returncode, weir.OK, p.stderr)
        return json.loads(p.stdout)

    def tcpdump(self, path):
        """-> lines, one a packet"""
        return self.sh('tcpdump', '-nnr', path).splitlines()

    def test_status_follows_the_link(self):
        self.agent(self.conf(TAP))
        p = self.ctl('status')
        self.assertEqual(p.returncode, weir.OK, p.stdout)
        self.assertNotIn('broken', p.stdout)
        self.ip(self.there, 'link', 'set', 'snd', 'down')
        p = live.wait_for(lambda: (lambda q: q if q.returncode == weir.FAILED else None)(self.ctl('status')))
        self.assertTrue(p.stdout.splitlines()[-1].startswith('broken: link cap: '), p.stdout)
        self.ip(self.there, 'link', 'set', 'snd', 'up')
        live.wait_for(lambda: self.ctl('status').returncode == weir.OK)

    def test_an_agent_that_is_not_there_is_unreachable_and_said_how_to_start(self):
        for words in (['status'], ['port', 'list'], ['port', 'top'], ['flow', 'watch'], ['capture', 'cap', '-w', os.devnull]):
            p = self.ctl(*words)
            self.assertEqual(p.returncode, weir.UNREACHABLE, words)
            self.assertIn('systemctl start weir-agent', p.stderr)
            self.assertEqual(p.stdout, '')

    def test_ports_show_what_was_sent_and_what_became_of_it(self):
        agent = self.agent(self.conf('{ name = "edge"; ports = [ "cap" ]; filter = "tcp dst port 80"; }'))
        sent = self.send(live.conversation(100))
        self.wait_received(agent, 400)
        port, = self.json('port', 'list')
        self.assertEqual((port['name'], port['tap'], port['state'], port['missed'], port['dropped']), ('cap', 'edge', 'up', 0, 0))
        steps = {r['step']: r['packets'] for r in self.json('port', 'drops', 'cap')}
        self.assertEqual(steps['flow'], 400)
        self.assertEqual(steps['received'] + steps['missed'], sum(n for s, n in steps.items() if s != 'received'))
        self.assertIn(steps['received'], (400, sent))  # the kernel may filter before us
        rows = list(csv.DictReader(io.StringIO(self.ctl('port', 'show', 'edge', '-o', 'csv').stdout)))
        self.assertEqual([(r['name'], r['driver']) for r in rows], [('cap', 'afpacket')])
        self.assertEqual(self.ctl('port', 'show', 'nope').returncode, weir.NOT_FOUND)

    def test_top_tells_the_rate_that_tcpreplay_keeps(self):
        self.agent(self.conf(TAP))
        frames = live.conversation(600)
        path = self.file('rate.pcap', weir.pcap([(1.0, f) for f in frames]))
        with subprocess.Popen(['ip', 'netns', 'exec', self.there, 'tcpreplay', '-q', '-i', 'snd', '--pps', '1000', path],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as sender:
            time.sleep(0.5)
            port, = [r for r in self.json('port', 'top', '--interval', '2s') if r['kind'] == 'port']
            sender.wait()
        self.assertTrue(700 < port['packets_per_s'] < 1300, port)
        size = sum(len(f) for f in frames) / len(frames)
        self.assertAlmostEqual(port['bits_per_s'] / port['packets_per_s'], 8 * size, delta=0.2 * 8 * size)

    def test_watch_shows_the_records_that_the_store_gets(self):
        agent = self.agent(self.conf(TAP))
        watch = self.ctl_begin('flow', 'watch', '--where', 'client_port < 20010', '--limit', '10', '-o', 'jsonl')
        time.sleep(0.5)
        self.send(live.conversation(50))
        out, err = watch.communicate(timeout=90)
        self.assertEqual(watch.returncode, weir.OK, err)
        seen = sorted((r['client_port'], r['packet_tx'], r['packet_rx']) for r in map(json.loads, out.splitlines()))
        self.assertEqual(seen, [(20000 + i, 4, 3) for i in range(10)])
        self.assertEqual(agent.stop(), weir.OK)
        self.assertEqual(self.rows('SELECT count(*) FROM flow'), [(50,)])

    def test_watch_says_how_many_records_it_was_not_shown(self):
        self.agent(self.conf(TAP))
        path = os.path.join(self.dir, 'seen')
        with open(path, 'w', encoding='utf-8') as out:
            watch = subprocess.Popen([weir.CTL, '--socket', self.socket, 'flow', 'watch', '-o', 'jsonl'],
                                     stdout=out, stderr=subprocess.PIPE, text=True)
        self.addCleanup(watch.kill)
        time.sleep(0.5)
        watch.send_signal(signal.SIGSTOP)
        self.send(live.conversation(15000), pps=40000)
        live.wait_for(lambda: self.rows('SELECT count(*) FROM flow') == [(15000,)], 60)
        watch.send_signal(signal.SIGCONT)
        time.sleep(1)
        self.send(live.conversation(10, sport=40000))
        live.wait_for(lambda: self.rows('SELECT count(*) FROM flow') == [(15010,)], 60)
        time.sleep(1)
        watch.send_signal(signal.SIGINT)
        err = watch.communicate(timeout=30)[1]
        with open(path, encoding='utf-8') as f:
            seen = sum(1 for _ in f)
        left_out = int(err.split(' records were left out')[0].split()[-1])
        self.assertGreater(left_out, 0)
        self.assertEqual(seen + left_out, 15010)

    def test_a_capture_holds_what_was_sent_and_ends_by_count_time_or_signal(self):
        agent = self.agent(self.conf(TAP))
        frames = live.conversation(20)
        for words, ends, n in (('cap', ['-c', '70'], 70), ('edge', ['--for', '4s'], 80), ('cap', [], 80)):
            path = os.path.join(self.dir, f'{words}{n}.pcapng')
            capture = self.ctl_begin('capture', words, 'tcp', 'dst', 'port', '80', '-w', path, *ends)
            live.wait_for(lambda: os.path.exists(path))
            self.send(frames)
            if not ends:
                time.sleep(1)
                capture.send_signal(signal.SIGINT)
            out, err = capture.communicate(timeout=30)
            self.assertEqual((capture.returncode, out), (weir.OK, ''), err)
            self.assertIn(f'{n} packets captured', err)
            self.assertIn(' 0 dropped', err)
            lines = self.tcpdump(path)
            self.assertEqual(len(lines), n)
            self.assertTrue(all('10.1.0.1.2' in l and '> 10.1.0.2.80: ' in l for l in lines), lines[:3])
        self.assert_port_conserved(agent.port('cap'))

    def test_a_capture_whose_agent_is_killed_is_partial_and_whole(self):
        agent = self.agent(self.conf(TAP))
        path = os.path.join(self.dir, 'killed.pcapng')
        capture = self.ctl_begin('capture', 'cap', '-w', path)
        live.wait_for(lambda: os.path.exists(path))
        sent = self.send(live.conversation(20))
        self.wait_received(agent, sent)
        time.sleep(0.5)
        agent.kill()
        self.assertIn('ended before the capture did', capture.communicate(timeout=30)[1])
        self.assertEqual(capture.returncode, weir.PARTIAL)
        self.assertEqual(len(self.tcpdump(path)), sent)

    def test_what_makes_no_sense_is_refused_with_a_reason(self):
        self.agent(self.conf(TAP))
        path = os.path.join(self.dir, 'none.pcapng')
        for words, code, said in ((['capture', 'cap', 'tcp', 'prot', '80', '-w', path], weir.USAGE, 'tcp prot 80'),
                                  (['capture', 'nope', '-w', path], weir.NOT_FOUND, 'ports are: cap'),
                                  (['capture', 'cap'], weir.USAGE, '-w FILE')):
            p = self.ctl(*words)
            self.assertEqual(p.returncode, code, p.stderr)
            self.assertIn(said, p.stderr)
            self.assertEqual(p.stderr.count('\n'), 1)
        self.assertFalse(os.path.exists(path))


if __name__ == '__main__':
    weir.main()
