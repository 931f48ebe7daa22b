#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Not as root: the capabilities that app/agent/capabilities.def names are enough for each feature, and each is needed for
exactly the features that name it, by a user who has nothing else."""
import os
import re
import shutil
import subprocess
import time

import live
import weir

NOBODY = 65534
MEMLOCK = 8 << 20  # what a user has on Debian; packet memory of AF_XDP is more


def table():
    """-> {port kind: set of capabilities} from the rows."""
    features = {}
    with open(os.path.join(weir.SOURCE, 'app/agent/capabilities.def')) as f:
        for line in f:
            row = re.match(r'(?:FEATURE\((PORT_\w+),|NEEDS\((\w+),)', line)
            if row and row[1]:
                needs = features[row[1]] = set()
            elif row:
                needs.add(row[2])
    return features


TABLE = {kind: needs for kind, needs in table().items() if not kind.startswith('PORT_PCI')}  # no NIC to take here
ALL = set().union(*TABLE.values())


def as_user(capabilities, program=()):
    sets = ','.join(['-all', *('+' + c.lower() for c in sorted(capabilities))])
    return ['prlimit', f'--memlock={MEMLOCK}', 'setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups',
            f'--inh-caps={sets}', f'--ambient-caps={sets}', f'--bounding-set={sets}', *program]


class NotAsRoot(live.LiveCase):
    def setUp(self):
        self.addCleanup(os.umask, os.umask(0))  # the agent's user writes to our sockets
        super().setUp()
        os.chmod(self.dir, 0o777)
        for here, there in (('afx', 'xds'), ('pkt', 'pks'), ('nea', 'far')):
            self.veth(here, there)
        sleeper = subprocess.Popen(['ip', 'netns', 'exec', self.there, 'sleep', '600'])
        self.addCleanup(sleeper.wait)
        self.addCleanup(sleeper.kill)
        live.wait_for(lambda: os.readlink(f'/proc/{sleeper.pid}/exe').endswith('/sleep'))
        self.taps = {  # kind: name of the port, tap
            'PORT_KERNEL': ('cap', 'ports = [ "cap" ];'),
            'PORT_NETNS': ('snd', f'ports = [ "snd" ]; netns = "/run/netns/{self.there}";'),
            'PORT_NETNS_PID': ('far', f'ports = [ "far" ]; netns = "/proc/{sleeper.pid}/ns/net";'),
            'PORT_AF_XDP': ('net_af_xdp0', 'ports = [ "net_af_xdp0,iface=afx" ];'),
            'PORT_AF_PACKET': ('net_af_packet0', 'ports = [ "net_af_packet0,iface=pkt" ];'),
            'PORT_TAP': ('net_tap0', 'ports = [ "net_tap0,iface=weirtap" ];'),
            'PORT_VDEV': ('net_memif0', f'ports = [ "net_memif0,role=server,socket-abstract=no,socket={self.dir}/memif" ];'),
        }

    def start(self, kinds, capabilities):
        taps = ', '.join(f'{{ name = "{kind}"; {self.taps[kind][1]} }}' for kind in kinds)
        return self.agent(self.conf(taps), command=as_user(capabilities))

    def failed(self, agent, kinds):
        """-> {kind: error} of the ports that are not there, when all were tried."""
        ports = {p['name']: p for p in agent.data('ports')['ports']}
        self.assertEqual(set(ports), {self.taps[kind][0] for kind in kinds})
        errors = {kind: ports[self.taps[kind][0]] for kind in kinds}
        return {kind: p['error'] for kind, p in errors.items() if p['state'] not in ('up', 'down')}

    def test_the_table_has_a_way_to_try_every_kind(self):
        self.assertEqual(set(TABLE), set(self.taps))

    def test_with_all_of_them_every_feature_works(self):
        agent = self.start(TABLE, ALL)
        self.assertEqual(self.failed(agent, TABLE), {}, agent.text())
        for name, through in (('cap', 'snd'), ('net_af_packet0', 'pks'), ('net_af_xdp0', 'xds')):
            sent = self.send(live.conversation(20), through=through)
            self.assertGreaterEqual(self.wait_received(agent, sent, name)['received'], sent)
        self.assertEqual(agent.stop(), weir.OK, agent.text())
        self.assertGreater(self.rows('SELECT count(*) FROM flow')[0][0], 0)

    def test_each_one_that_is_missing_breaks_exactly_its_features_and_is_named(self):
        for missing in sorted(ALL):
            agent = self.start(TABLE, ALL - {missing})
            errors = self.failed(agent, TABLE)
            self.assertEqual(set(errors), {kind for kind, needs in TABLE.items() if missing in needs}, (missing, agent.text()))
            for kind, error in errors.items():
                self.assertIn('CAP_' + missing, error, kind)
            self.assertEqual(agent.stop(), weir.OK, agent.text())
            shutil.rmtree(self.store, ignore_errors=True)

    def test_each_feature_works_with_its_own_alone(self):
        for kind, needs in TABLE.items():
            agent = self.start([kind], needs)
            self.assertEqual(self.failed(agent, [kind]), {}, agent.text())
            self.assertEqual(agent.stop(), weir.OK, agent.text())

    def test_what_the_configuration_does_not_need_is_given_up_by_every_thread(self):
        bits = {'NET_RAW': 13, 'NET_ADMIN': 12, 'IPC_LOCK': 14, 'SYS_ADMIN': 21, 'SYS_PTRACE': 19}
        self.assertEqual(set(bits), ALL)
        for kind in ('PORT_KERNEL', 'PORT_NETNS', 'PORT_AF_PACKET', 'PORT_VDEV'):
            agent = self.start([kind], ALL)
            kept = sum(1 << bits[c] for c in TABLE[kind])
            pid = self.agent_pid(agent)
            for task in os.listdir(f'/proc/{pid}/task'):
                with open(f'/proc/{pid}/task/{task}/status') as f:
                    status = dict(line.split(':\t', 1) for line in f if line.startswith('Cap'))
                for which in ('CapEff', 'CapPrm', 'CapInh', 'CapAmb'):
                    self.assertEqual(int(status[which], 16) & ~kept, 0, (kind, task, which))
                self.assertEqual(int(status['CapEff'], 16), kept, (kind, task))
            self.assertEqual(agent.stop(), weir.OK, agent.text())

    def agent_pid(self, agent):
        return agent.data('status')['pid']

    def test_a_port_that_needs_what_was_given_up_says_so_after_a_reload(self):
        agent = self.start(['PORT_KERNEL'], ALL)
        self.conf('{ name = "k"; ports = [ "cap" ]; }, { name = "n"; %s }' % self.taps['PORT_NETNS'][1])
        agent.reload()
        error = live.wait_for(lambda: (agent.port('snd') or {}).get('error'))
        self.assertIn('CAP_SYS_ADMIN', error)
        self.assertIn('a new start brings it back', error)


class ByFile(live.LiveCase):
    """File capabilities and control groups, as an administrator without systemd gives them."""

    def setUp(self):
        self.addCleanup(os.umask, os.umask(0))
        super().setUp()
        os.chmod(self.dir, 0o777)
        self.program = shutil.copy(weir.AGENT, os.path.join(self.dir, 'weir-agent'))
        os.chmod(self.program, 0o755)

    def run_it(self, taps):
        return live.Agent(self, ['ip', 'netns', 'exec', self.here, 'setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}',
                                 '--clear-groups', self.program, 'run', '-c', self.conf(taps)], self.socket)

    def test_file_capabilities_are_enough(self):
        self.sh('setcap', 'cap_sys_ptrace,cap_net_raw,cap_net_admin,cap_ipc_lock,cap_sys_admin=eip', self.program)
        agent = self.run_it('{ name = "k"; ports = [ "cap" ]; }, '
                            f'{{ name = "n"; ports = [ "snd" ]; netns = "/run/netns/{self.there}"; }}')
        agent.wait_word('READY=1')
        self.assertEqual([p['state'] for p in agent.data('ports')['ports']], ['up', 'up'], agent.text())

    def test_a_change_of_owner_takes_them_away_and_the_doctor_says_so(self):
        self.sh('setcap', 'cap_net_raw=eip', self.program)
        self.sh('chown', f'{NOBODY}:{NOBODY}', self.program)
        self.assertEqual(self.sh('getcap', self.program), '')
        out = self.sh(self.program, 'doctor', '-c', '/dev/null')
        self.assertIn('none (chown removes them: setcap comes after it)', out)

    def test_it_enters_control_groups_that_are_its_user_s(self):
        made = []
        for parent, known in (('/sys/fs/cgroup/cpu', 'tasks'), ('/sys/fs/cgroup/memory', 'tasks'),
                              ('/sys/fs/cgroup', 'cgroup.controllers'), ('/sys/fs/cgroup/unified', 'cgroup.controllers')):
            path = parent + '/weir-agent'
            if not os.path.exists(f'{parent}/{known}') or os.path.exists(path):
                continue
            try:
                os.mkdir(path)
            except OSError:
                continue
            made.append(path)
            self.addCleanup(self.remove_group, path)
            self.sh('chown', '-R', f'{NOBODY}:{NOBODY}', path)
        # v2 asks for the right to write where the process comes from, too: that is root's here, so it is v1 that is tried
        v1 = [path for path in made if path.count('/') == 5 and 'unified' not in path]
        if not v1:
            self.skipTest('no cgroup v1 hierarchies of cpu or memory')
        self.sh('setcap', 'cap_net_raw=eip', self.program)
        agent = self.agent_with_groups_of_this_machine()
        agent.wait_word('READY=1')
        with open(f'/proc/{agent.data("status")["pid"]}/cgroup') as f:
            groups = f.read()
        for path in v1:
            self.assertRegex(groups, rf'(?m)^\d+:[\w,]*{path.split("/")[4]}[\w,]*:/weir-agent$')
        self.assertEqual(agent.stop(), weir.OK)

    def agent_with_groups_of_this_machine(self):
        """`ip netns exec` mounts a /sys of its own, without the groups."""
        return live.Agent(self, ['nsenter', f'--net=/run/netns/{self.here}', 'setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}',
                                 '--clear-groups', self.program, 'run', '-c', self.conf('{ name = "k"; ports = [ "cap" ]; }')],
                          self.socket)

    def remove_group(self, path):
        for _ in range(50):
            try:
                return os.rmdir(path)
            except OSError:
                time.sleep(0.1)


if __name__ == '__main__':
    weir.main()
