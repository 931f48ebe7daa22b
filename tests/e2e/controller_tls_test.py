#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Agents with certificates: the controller knows them by their names, and by nothing else."""
import os
import zlib

import weir
from controller_live import Controller, ControllerCase, Peer, genesis, grpc

SCRIPT = '''set -e
key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
for ca in ca other-ca; do openssl req -x509 $key -keyout $ca.key -out $ca.pem -days 2 -subj /CN=$ca; done
echo subjectAltName=IP:127.0.0.1 >ext
make() {
  openssl req $key -keyout $1.key -out $1.csr -subj "/CN=$1"
  openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -days 2 -extfile ext -out $1.pem
}
for name in server agent-a agent-b; do make $name ca; done
make stranger other-ca'''


class Certificates(ControllerCase):
    def setUp(self):
        super().setUp()
        p = weir.run('/bin/sh', '-c', SCRIPT, cwd=self.dir)
        self.assertEqual(p.returncode, 0, p.stderr)
        files = '; '.join(f'{key} = "{os.path.join(self.dir, name)}"' for key, name in
                          (('ca', 'ca.pem'), ('cert', 'server.pem'), ('key', 'server.key')))
        self.c = Controller(self, f'grpc = {{ listen = []; tls = {{ listen = ["127.0.0.1:0"]; {files}; }}; }};\n', tls=True)

    def read(self, name):
        with open(os.path.join(self.dir, name), 'rb') as f:
            return f.read()

    def peer(self, name, dialect='agent', ip='10.9.0.1', mac='02:00:00:00:00:01'):
        own = (self.read(name + '.key'), self.read(name + '.pem')) if name else (None, None)
        return Peer(self, self.c, dialect, ip, mac, credentials=grpc.ssl_channel_credentials(self.read('ca.pem'), *own))

    def test_who_has_no_certificate_or_one_of_somebody_else_does_not_get_in(self):
        for name in (None, 'stranger'):
            self.refused(grpc.StatusCode.UNAVAILABLE, self.peer(name).sync)
        self.refused(grpc.StatusCode.UNAVAILABLE, Peer(self, self.c).sync)  # in cleartext
        self.assertTrue(self.peer('agent-a').sync()['dynamic_config']['enabled'])

    def test_an_address_belongs_to_the_certificate_that_came_with_it_first(self):
        for dialect, ip in (('agent', '10.9.0.1'), ('trident', '10.9.0.2')):
            first, liar = (self.peer(name, dialect, ip) for name in ('agent-a', 'agent-b'))
            number = first.own(first.sync())['agent_id']
            why = self.refused(grpc.StatusCode.PERMISSION_DENIED, liar.sync)
            self.assertIn('certificate', why)
            self.assertEqual(liar.push().end(), grpc.StatusCode.PERMISSION_DENIED)
            self.assertEqual(first.call('GenesisSync', genesis(first, number, ['02:aa:00:00:00:01'], 5))['version'], 5)
            self.assertEqual(liar.call('GenesisSync', genesis(liar, number, ['02:bb:00:00:00:01'], 6))['version'], 0)
            self.assertEqual(liar.stream('Upgrade', {'ctrl_ip': ip, 'ctrl_mac': liar.mac}).next(), {'status': 1})
            self.assertEqual(first.own(first.sync())['agent_id'], number)

    def test_a_certificate_that_is_revoked_is_refused_whatever_address_it_comes_with(self):
        p = self.peer('agent-a')
        p.hold(p.sync())
        push = p.push()
        push.next()
        self.c.http('POST', f'/api/v1/agents/{self.c.agent(p.ip)["NAME"]}/revoke', {})
        self.assertEqual(push.end(), grpc.StatusCode.NOT_FOUND)
        for ip in (p.ip, '10.9.0.7'):
            why = self.refused(grpc.StatusCode.PERMISSION_DENIED, self.peer('agent-a', ip=ip).sync)
            self.assertIn('revoked', why)
        for method, said in (('GenesisSync', genesis(p, 0, ['02:aa:00:00:00:01'], 5)),
                             ('KubernetesAPISync', {'cluster_id': 'd-abcdefghij', 'version': 5, 'entries': [
                                 {'type': '*v1.Pod', 'compressed_info': zlib.compress(b'{}')}]}),
                             ('GetKubernetesClusterID', {'ca_md5': '0' * 32})):
            self.assertIn('revoked', self.refused(grpc.StatusCode.PERMISSION_DENIED, p.call, method, said))
        self.assertEqual(self.c.http('GET', '/v2/domains/'), [])
        self.assertEqual(self.c.agents(), [])
        self.assertTrue(self.peer('agent-b', ip='10.9.0.8').sync()['dynamic_config']['enabled'])


if __name__ == '__main__':
    weir.main()
