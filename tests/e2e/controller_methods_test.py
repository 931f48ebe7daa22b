#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The other methods of the controller, in both dialects: reports, clusters, time, images, commands; and many agents at once."""
import hashlib
import json
import os
import socket
import struct
import subprocess
import threading
import time
import urllib.request
import zlib

import weir
from controller_live import Controller, ControllerCase, LOAD, OfADialect, Peer, genesis, grpc, macs_of, wait_for

FROM_1900 = 2208988800


def ntp_request(mark=0x0102030405060708, first=0x23):
    """48 bytes of an NTP client: RFC 5905, figure 8."""
    return bytes([first]) + bytes(39) + struct.pack('!Q', mark)


def pod(name):
    return {'type': '*v1.Pod', 'compressed_info': zlib.compress(json.dumps({'metadata': {'name': name, 'uid': name}}).encode())}


def multipart(fields, name, data):
    """-> body and content type of a form with a file."""
    mark = 'weirweirweir'
    body = b''.join(f'--{mark}\r\nContent-Disposition: form-data; name="{k}"\r\n\r\n{v}\r\n'.encode() for k, v in fields.items())
    body += f'--{mark}\r\nContent-Disposition: form-data; name="IMAGE"; filename="{name}"\r\n\r\n'.encode() + data
    return body + f'\r\n--{mark}--\r\n'.encode(), f'multipart/form-data; boundary={mark}'


class TimeServer:
    """An NTP server of a made-up time, by UDP; with `silent` it never answers."""

    def __init__(self, case, silent=False):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', 0))
        self.port = self.socket.getsockname()[1]
        self.silent, self.heard = silent, []
        case.addCleanup(self.socket.close)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                packet, peer = self.socket.recvfrom(2048)
            except OSError:
                return
            self.heard.append(packet)
            if not self.silent:
                self.socket.sendto(b'\x24\x02' + bytes(46) + packet[:4], peer)


class Methods(OfADialect):
    # ---- GenesisSync ----

    def test_what_an_agent_reports_is_in_the_platform_data(self):
        p = self.peer()
        agent_id = p.own(p.sync())['agent_id']
        version = 1700000000
        self.assertEqual(p.call('GenesisSync', genesis(p, agent_id, ['02:aa:00:00:00:01'], version))['version'], version)
        wait_for(lambda: 0x02aa00000001 in macs_of(p, p.sync()))
        without = genesis(p, agent_id, [], version)
        del without['platform_data']
        self.assertEqual(p.call('GenesisSync', without)['version'], version)  # a heartbeat
        self.assertNotEqual(p.call('GenesisSync', {**without, 'version': version + 1})['version'], version + 1)
        self.assertIn(0x02aa00000001, macs_of(p, p.sync()))

    def test_what_is_reported_before_an_agent_is_registered_is_there_when_it_is(self):
        p = self.peer(1)
        self.assertEqual(p.call('GenesisSync', genesis(p, 0, ['02:aa:00:00:00:01'], 3))['version'], 3)
        self.assertEqual(self.c.agents(), [])
        p.sync()
        wait_for(lambda: 0x02aa00000001 in macs_of(p, p.sync()))

    def test_a_report_that_does_not_say_whose_it_is_is_not_taken(self):
        p = self.peer(1)
        asked = genesis(p, 0, ['02:aa:00:00:00:01'])
        if self.dialect == 'trident':
            del asked['source_ip']
            self.assertEqual(p.call('GenesisSync', asked)['version'], 0)
            return
        for info in ({}, {'ip': p.ip}, {'mac': p.mac}):
            self.assertEqual(p.call('GenesisSync', {**asked, 'agent_info': info})['version'], 0)

    def test_the_number_of_another_agent_is_refused(self):
        p, other = self.peer(1), self.peer(2)
        own = p.own(p.sync())['agent_id']
        theirs = other.own(other.sync())['agent_id']
        why = self.refused(grpc.StatusCode.PERMISSION_DENIED, p.call, 'GenesisSync', genesis(p, theirs, ['02:aa:00:00:00:01']))
        self.assertIn(str(theirs), why)
        self.refused(grpc.StatusCode.PERMISSION_DENIED, p.call, 'GenesisSync', genesis(p, 63999, ['02:aa:00:00:00:01']))
        self.assertEqual(p.call('GenesisSync', genesis(p, own, ['02:aa:00:00:00:01'], 7))['version'], 7)

    # ---- Kubernetes ----

    def cluster(self, p, **values):
        name = 'agent_id' if self.dialect == 'agent' else 'vtap_id'
        if 'number' in values:
            values[name] = values.pop('number')
        return p.call('KubernetesAPISync', values)

    def test_a_cluster_s_id_comes_from_its_ca_and_is_the_same_each_time(self):
        p = self.peer()
        md5 = hashlib.md5(b'ca').hexdigest()
        first = p.call('GetKubernetesClusterID', {'ca_md5': md5, 'kubernetes_cluster_name': 'blue <1>'})
        self.assertRegex(first['cluster_id'], '^d-[0-9a-zA-Z]{10}$')
        self.assertFalse(first.get('error_msg'))
        self.assertEqual(p.call('GetKubernetesClusterID', {'ca_md5': md5})['cluster_id'], first['cluster_id'])
        other = p.call('GetKubernetesClusterID', {'ca_md5': hashlib.md5(b'another').hexdigest()})
        self.assertNotEqual(other['cluster_id'], first['cluster_id'])
        for bad in ('', 'short', 'g' * 32, md5 + '0'):
            answer = p.call('GetKubernetesClusterID', {'ca_md5': bad})
            self.assertTrue(answer['error_msg'])
            self.assertFalse(answer.get('cluster_id'))
        domains = self.c.http('GET', '/v2/domains/')
        self.assertEqual(sorted(d['CLUSTER_ID'] for d in domains), sorted((first['cluster_id'], other['cluster_id'])))
        self.assertIn('blue <1>', [d['NAME'] for d in domains])

    def test_snapshots_of_a_cluster_follow_the_rules_of_their_versions(self):
        """The table "server side" of 4.7."""
        p = self.peer()
        cluster = p.call('GetKubernetesClusterID', {'ca_md5': hashlib.md5(b'ca').hexdigest()})['cluster_id']
        p.hello['kubernetes_cluster_id'] = cluster
        number = p.own(p.sync())['agent_id']
        say = {'cluster_id': cluster, 'source_ip': p.ip}
        self.assertEqual(self.cluster(p, **say, version=0, number=number), {})
        self.assertEqual(self.cluster(p, version=5, number=number, source_ip=p.ip, cluster_id=''), {})
        self.assertEqual(self.cluster(p, **say, version=5), {})                       # of nobody, nothing in it
        self.assertNotEqual(self.cluster(p, **say, version=5, number=number).get('version'), 5)  # send it all
        self.assertEqual(self.cluster(p, **say, version=5, number=number, entries=[pod('a')]), {'version': 5})
        self.assertEqual(self.cluster(p, **say, version=5, number=number), {'version': 5})        # a heartbeat
        self.assertEqual(self.cluster(p, **say, version=6, number=number), {'version': 5})        # the stored one
        self.assertEqual(self.cluster(p, **say, version=6, number=number, entries=[pod('a'), pod('b')]), {'version': 6})
        self.assertEqual(self.cluster(p, **say, version=7, entries=[pod('c')]), {})   # a watcher that is no agent: stored
        self.refused(grpc.StatusCode.PERMISSION_DENIED, self.cluster, p, **say, version=8, number=63999, entries=[pod('d')])
        bad = {'type': '*v1.Pod', 'compressed_info': b'no zlib'}
        self.cluster(p, **say, version=9, number=number, entries=[bad])
        self.assertEqual(self.cluster(p, **say, version=10, number=number, entries=[pod('a')]), {'version': 10})

    def test_one_agent_of_a_cluster_watches_it_and_one_that_only_watches_takes_over(self):
        md5 = hashlib.md5(b'ca').hexdigest()
        cluster = self.peer(9).call('GetKubernetesClusterID', {'ca_md5': md5})['cluster_id']
        one, two = (self.peer(n, kubernetes_cluster_id=cluster) for n in (1, 2))
        self.assertTrue(one.own(one.sync())['kubernetes_api_enabled'])
        self.assertFalse(two.own(two.sync())['kubernetes_api_enabled'])
        self.assertTrue(one.own(one.sync())['kubernetes_api_enabled'])
        watcher = self.peer(3, kubernetes_cluster_id=cluster, kubernetes_force_watch=1, kubernetes_watch_policy=1)
        push = watcher.push()
        for answer in (watcher.sync(), push.next()):
            own = watcher.own(answer)
            self.assertTrue(own['kubernetes_api_enabled'])
            self.assertFalse(own['enabled'])
            self.assertEqual(own['agent_type'], 8)
            self.assertEqual(answer.get('version_platform_data', 0), 0)
        self.assertFalse(one.own(one.sync())['kubernetes_api_enabled'])
        self.assertIsNone(self.c.agent(watcher.ip))

    # ---- time ----

    def test_the_time_is_that_of_this_machine(self):
        p = self.peer()
        before = time.time()
        answer = p.call('Query', {'ctrl_ip': p.ip, 'request': ntp_request(0x1122334455667788)})['response']
        after = time.time()
        self.assertEqual(len(answer), 48)
        self.assertEqual(answer[0] & 7, 4)  # mode: server
        self.assertEqual(answer[0] >> 3 & 7, 4)
        originate, received, sent = struct.unpack('!QQQ', answer[24:])
        self.assertEqual(originate, 0x1122334455667788)
        self.assertLessEqual(received, sent)
        self.assertLess(before - 0.001, sent / 2**32 - FROM_1900)
        self.assertLess(sent / 2**32 - FROM_1900, after + 0.001)

    def test_what_is_no_request_for_the_time_has_an_empty_answer(self):
        p = self.peer()
        for packet in (b'', b'x', ntp_request()[:47], ntp_request(first=0x24), bytes(48)):
            self.assertFalse(p.call('Query', {'ctrl_ip': p.ip, 'request': packet}).get('response'))

    # ---- images ----

    def image(self, data, name='weir.img', k8s_image=''):
        body, kind = multipart({'NAME': name, 'ARCH': 'x86_64', 'BRANCH': 'main', 'REV_COUNT': '42', 'COMMIT_ID': 'c0ffee',
                                'OS': 'Linux', 'K8S_IMAGE': k8s_image}, name, data)
        request = urllib.request.Request(f'http://127.0.0.1:{self.c.http_port}/v1/vtap-repo/', body, {'Content-Type': kind}, method='POST')
        with urllib.request.urlopen(request, timeout=20) as reply:
            self.assertEqual(json.loads(reply.read())['OPT_STATUS'], 'SUCCESS')

    def pieces(self, p):
        stream = p.stream('Upgrade', {'ctrl_ip': p.ip, 'ctrl_mac': p.mac})
        out = []
        while (m := stream.next()) is not None:
            out.append(m)
        return out

    def test_an_image_comes_in_pieces_of_512_kib_and_is_the_file(self):
        data = os.urandom((1 << 20) + 12345)
        self.image(data, k8s_image='registry.example/weir:42')
        p = self.peer()
        self.assertEqual(p.sync().get('revision', ''), '')
        self.assertEqual(self.pieces(p), [{'status': 1}])
        self.c.http('PATCH', f'/v1/upgrade/vtap/{self.c.agent(p.ip)["LCUUID"]}/', {'image_name': 'weir.img'})
        answer = p.sync()
        self.assertEqual((answer['revision'], answer['self_update_url']), ('42-c0ffee', 'grpc'))
        pieces = self.pieces(p)
        self.assertEqual([len(m['content']) for m in pieces], [1 << 19, 1 << 19, 12345])
        self.assertEqual(b''.join(m['content'] for m in pieces), data)
        for m in pieces:
            self.assertEqual(m['status'], 0)
            self.assertEqual(m['md5'], hashlib.md5(data).hexdigest())
            self.assertEqual((m['total_len'], m['pkt_count']), (len(data), 3))
        self.assertEqual(pieces[0]['k8s_image'], 'registry.example/weir:42')
        answer = p.sync(revision='main 42-c0ffee')  # it runs it now
        self.assertEqual(p.sync(revision='main 42-c0ffee').get('revision', ''), '')

    # ---- the rest ----

    def test_methods_that_have_nothing_to_give_say_so(self):
        p = self.peer()
        number = 'agent_id' if self.dialect == 'agent' else 'vtap_id'
        entry = {'protocol': 1, 'epc_id_1': 1, 'ipv4_1': 2, 'port_1': 3, 'pid_1': 4}
        self.assertNotIn('entries', p.call('GPIDSync', {'ctrl_ip': p.ip, 'ctrl_mac': p.mac, number: 1, 'entries': [entry]}))
        plugin = p.stream('Plugin', {'ctrl_ip': p.ip, 'ctrl_mac': p.mac, 'plugin_type': 1, 'plugin_name': '../../etc/passwd'})
        self.assertEqual(plugin.next(), {'status': 1})
        self.assertIsNone(plugin.next())
        for method in ('AnalyzerSync', 'ShareGPIDLocalData', 'PrometheusAPISync', 'NoSuchMethod'):
            self.refused(grpc.StatusCode.UNIMPLEMENTED, p.bytes, method, b'')

    def test_remote_execution_stays_open_and_brings_no_command(self):
        p = self.peer()
        ended = threading.Event()

        def requests():
            yield b''
            ended.wait(20)
        call = p.channel.stream_stream(f'/{self.dialect}.Synchronizer/RemoteExecute')(requests())
        time.sleep(0.5)
        self.assertTrue(call.is_active())
        ended.set()
        self.assertEqual(list(call), [])
        self.assertEqual(call.code(), grpc.StatusCode.OK)


class AgentDialect(Methods, ControllerCase):
    dialect = 'agent'


class TridentDialect(Methods, ControllerCase):
    dialect = 'trident'


class OfATimeServer(ControllerCase):
    def ask(self, server):
        c = Controller(self, f'ntp = {{ server = "127.0.0.1:{server.port}"; }};')
        p = Peer(self, c)
        return p.call('Query', {'ctrl_ip': p.ip, 'request': ntp_request()}).get('response')

    def test_a_time_server_is_handed_the_packet_as_it_is_and_its_answer_comes_back(self):
        server = TimeServer(self)
        self.assertEqual(self.ask(server), b'\x24\x02' + bytes(46) + ntp_request()[:4])
        self.assertEqual(server.heard, [ntp_request()])

    def test_a_time_server_that_is_silent_is_an_empty_answer_soon(self):
        start = time.monotonic()
        self.assertFalse(self.ask(TimeServer(self, silent=True)))
        self.assertLess(time.monotonic() - start, 15)


class Many(ControllerCase):
    def test_a_thousand_agents_that_come_back_at_once_are_all_served_and_no_table_is_wiped(self):
        c = Controller(self)
        load = subprocess.Popen([LOAD, '--target', c.target, '--agents', '1000', '--dialect', 'both', '--rate', '0', '--interval', '10',
                                 '--interfaces', '2', '--seconds', '8', '--patience', '40'], stdout=subprocess.PIPE, text=True)
        self.addCleanup(load.kill)
        wait_for(lambda: len(c.agents()) == 1000, 40)
        numbers = {a['CTRL_IP'] + a['CTRL_MAC']: a['ID'] for a in c.agents()}
        time.sleep(3)  # all have a Push open
        c.kill()
        c.start()
        out, _ = load.communicate(timeout=90)
        seen = json.loads(out)
        self.assertEqual(load.returncode, 0, out)
        self.assertEqual(seen['wiped'], 0)
        self.assertGreaterEqual(seen['pushes_ended'], 1000)
        self.assertNotIn('RESOURCE_EXHAUSTED', seen['failed'])
        self.assertNotIn('PERMISSION_DENIED', seen['failed'])
        self.assertEqual({a['CTRL_IP'] + a['CTRL_MAC']: a['ID'] for a in c.agents()}, numbers)


if __name__ == '__main__':
    weir.main()
