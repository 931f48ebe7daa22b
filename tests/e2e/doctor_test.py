#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What `weir-agent doctor` says of this machine is what the kernel says, and of a machine made of files what stands in them."""
import glob
import json
import os
import shutil

import weir

CHECKS = ('kernel cpu clock hugepages memlock iommu nic port socket bpf capability store directory systemd '
          'cgroup').split()
NOBODY = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps=-all']


def read(path):
    with open(path) as f:
        return f.read().strip()


class Doctor(weir.Case):
    def ask(self, *arguments, config='/dev/null', code=weir.OK, before=()):
        p = weir.run(*before, weir.AGENT, 'doctor', '-o', 'json', '-c', config, *arguments)
        self.assertEqual((p.returncode, p.stderr), (code, ''), p.stdout)
        return json.loads(p.stdout)

    def of(self, answer, check, state=None):
        """-> texts of a check's findings."""
        return [f['text'] for f in answer['findings'] if f['check'] == check and state in (None, f['state'])]

    def box(self, text):
        return self.file('agent.cfg', text.encode())


class ThisMachine(Doctor):
    def test_every_check_says_something_and_the_counts_are_those_of_the_findings(self):
        a = self.ask()
        self.assertEqual(list(dict.fromkeys(f['check'] for f in a['findings'])), CHECKS)
        for state in ('ok', 'warn', 'bad'):
            self.assertEqual(a[state], sum(f['state'] == state for f in a['findings']))

    def test_kernel_clocksource_and_cpus_are_those_that_the_kernel_tells(self):
        a = self.ask()
        self.assertIn(os.uname().release, self.of(a, 'kernel')[0])
        self.assertTrue(self.of(a, 'cpu')[0].startswith(f'{len(os.sched_getaffinity(0))} CPU'))
        source = read('/sys/devices/system/clocksource/clocksource0/current_clocksource')
        self.assertTrue(self.of(a, 'clock')[0].startswith(f'clocksource {source};'))

    def test_more_workers_than_cpus_are_bad(self):
        a = self.ask(config=self.box('cores = { workers = 2; };'), before=('taskset', '-c', '0'), code=weir.FAILED)
        self.assertEqual(len(self.of(a, 'cpu', 'bad')), 1)

    def test_each_network_device_of_the_pci_bus_is_told_with_its_driver(self):
        nics = self.of(self.ask(), 'nic')
        for path in glob.glob('/sys/bus/pci/devices/*'):
            about = [n for n in nics if n.startswith(os.path.basename(path))]
            self.assertEqual(bool(about), read(path + '/class').startswith('0x02'), path)
            if about and os.path.exists(path + '/driver'):
                self.assertIn(os.path.basename(os.readlink(path + '/driver')), about[0])

    def test_the_interface_of_the_default_route_is_not_to_be_taken(self):
        route = weir.run('ip', '-o', 'route', 'show', 'default').stdout.split()
        if 'dev' not in route or not os.path.exists(f'/sys/class/net/{route[route.index("dev") + 1]}/device'):
            self.skipTest('no default route over a device of this machine')
        name = route[route.index('dev') + 1]
        about = [n for n in self.of(self.ask(), 'nic') if f'{name}: driver' in n or n.startswith(f'{name} on')]
        self.assertIn('carries the default route', about[0])

    def test_a_configured_interface_that_is_not_there_is_bad_and_one_that_is_there_is_not(self):
        text = 'taps = ( { name = "t"; ports = ["%s"]; } );'
        a = self.ask(config=self.box(text % 'nosuchif0'), code=weir.FAILED)
        self.assertEqual(self.of(a, 'port', 'bad'), ['port nosuchif0: no interface nosuchif0'])
        if os.geteuid() == 0:
            a = self.ask(config=self.box(text % 'lo'))
            self.assertEqual(self.of(a, 'port'), ['port lo: lo is up'])

    def test_a_namespace_that_is_not_there_is_bad(self):
        a = self.ask(config=self.box('taps = ( { name = "t"; ports = ["eth0"]; netns = "/run/netns/nosuch"; } );'),
                     code=weir.FAILED)
        self.assertEqual(self.of(a, 'port', 'bad'), ['port eth0: no network namespace /run/netns/nosuch'])

    def test_a_wrong_configuration_is_no_question_to_the_doctor(self):
        p = weir.run(weir.AGENT, 'doctor', '-c', self.box('flow = { capacity = 5; };'))
        self.assertEqual((p.returncode, p.stdout), (weir.INVALID, ''))

    def test_for_a_person_each_command_stands_below_its_finding(self):
        p = weir.run(weir.AGENT, 'doctor', '-c', '/dev/null')
        self.assertEqual(p.returncode, weir.OK)
        lines = p.stdout.splitlines()
        for f in self.ask()['findings']:
            if f['command'] is None or f['check'] == 'store':  # its speed differs from run to run
                continue
            at = next(i for i, line in enumerate(lines) if line.endswith(f['text']))
            self.assertEqual(lines[at + 1].strip(), '> ' + f['command'])

    def test_the_disk_is_left_as_it_was(self):
        store = os.path.join(self.dir, 'store')
        os.mkdir(store)
        a = self.ask(config=self.box(f'sinks = ( {{ type = "store"; path = "{store}/not/yet"; }} );'))
        self.assertIn('written and synced', ' '.join(self.of(a, 'store')))
        self.assertEqual(os.listdir(store), [])

    def test_a_store_on_a_full_file_system_is_bad(self):
        mount = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs -o size=8m none "$0" && exec "$@"', self.dir]
        box = self.box(f'sinks = ( {{ type = "store"; path = "{self.dir}"; }} );')
        kept = shutil.copy(box, '/dev/shm/weir-doctor-test.cfg')
        self.addCleanup(os.remove, kept)
        if weir.run(*mount, 'true').returncode != 0:
            self.skipTest('no mount namespace to be had')
        a = self.ask(config=kept, before=mount, code=weir.FAILED)
        self.assertTrue(any('writing failed: No space left' in t for t in self.of(a, 'store', 'bad')), a)


class NotRoot(Doctor):
    def setUp(self):
        super().setUp()
        if os.geteuid() != 0:
            self.skipTest('only root can become another user')
        os.chmod(self.dir, 0o755)

    def test_a_user_without_capabilities_is_told_which_one_each_feature_needs(self):
        a = self.ask(before=NOBODY)
        missing = self.of(a, 'capability', 'warn')
        self.assertTrue(any(t.startswith('kernel interfaces: this process lacks CAP_NET_RAW') for t in missing), a)
        self.assertTrue(self.of(a, 'socket', 'warn')[0].startswith('AF_PACKET: not for this process: CAP_NET_RAW'))

    def test_what_a_configured_tap_lacks_is_bad_and_the_command_gives_it(self):
        box = self.box('taps = ( { name = "t"; ports = ["lo"]; } );')
        os.chmod(box, 0o644)
        a = self.ask(config=box, before=NOBODY, code=weir.FAILED)
        bad = [f for f in a['findings'] if f['check'] == 'capability' and f['state'] == 'bad']
        self.assertEqual(len(bad), 1)
        program = shutil.copy(weir.AGENT, os.path.join(self.dir, 'weir-agent'))
        command = bad[0]['command'].replace(weir.AGENT, program)
        self.assertEqual(weir.run('sh', '-c', command).returncode, 0, command)
        p = weir.run(*NOBODY, program, 'doctor', '-o', 'json', '-c', box)
        self.assertEqual(p.returncode, weir.OK, p.stdout)
        self.assertEqual(self.of(json.loads(p.stdout), 'capability', 'bad'), [])

    def test_without_proc_and_sys_it_goes_on(self):
        bare = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /sys && mount -t tmpfs none /proc && exec "$@"', 'sh']
        if weir.run(*bare, 'true').returncode != 0:
            self.skipTest('no mount namespace to be had')
        a = self.ask(before=bare)
        self.assertEqual(list(dict.fromkeys(f['check'] for f in a['findings'])), CHECKS)


class AnotherMachine(Doctor):
    """A tree of files as /proc and /sys have them."""

    def tree(self, files):
        for path, text in files.items():
            self.file('root/' + path, (text + '\n').encode())
        return os.path.join(self.dir, 'root')

    def link(self, path, target):
        path = os.path.join(self.dir, 'root', path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(target, path)

    def test_free_huge_pages_are_summed_over_nodes_and_sizes(self):
        node = 'sys/devices/system/node/node%d/hugepages/hugepages-%dkB/%s_hugepages'
        files = {node % (n, size, what): '0' for n in (0, 1) for size in (2048, 1048576) for what in ('nr', 'free')}
        files |= {node % (0, 2048, 'nr'): '300', node % (0, 2048, 'free'): '100',
                  node % (1, 1048576, 'nr'): '2', node % (1, 1048576, 'free'): '1'}
        texts = self.of(self.ask('--root', self.tree(files)), 'hugepages')
        self.assertEqual(texts[:2], ['node0: 100 of 300 pages of 2 MiB are free', 'node1: 1 of 2 pages of 1024 MiB are free'])
        self.assertTrue(texts[2].startswith('1224 MiB of huge pages are free'), texts)

    def test_the_command_for_huge_pages_covers_what_check_says_the_tables_take(self):
        def together():
            out = weir.run(weir.AGENT, 'check').stdout
            return float(next(line for line in out.splitlines() if 'together' in line).split()[1])

        for nodes in (1, 2):
            root = self.tree({f'sys/devices/system/node/node{n}/hugepages/hugepages-2048kB/{what}_hugepages': '0'
                              for n in range(nodes) for what in ('nr', 'free')})
            f = next(f for f in self.ask('--root', root)['findings'] if f['check'] == 'hugepages')
            each = int(''.join(c for c in f['command'].split('|')[0] if c.isdigit()))
            self.assertGreaterEqual(each * nodes * 2, together())
            self.assertLess(each * nodes * 2, together() + 2 + 2 * nodes)

    def test_a_demand_for_huge_pages_that_are_not_there_is_bad(self):
        root = self.tree({'proc/meminfo': 'HugePages_Free:        0\nHugepagesize:       2048 kB'})
        p = weir.run(weir.AGENT, 'doctor', '-o', 'json', '--root', root, '-c', self.box('memory = { hugepages = "on"; };'))
        self.assertEqual(p.returncode, weir.FAILED)
        self.assertEqual(len(self.of(json.loads(p.stdout), 'hugepages', 'bad')), 1)

    def test_a_clock_that_stops_and_a_slow_one_are_told(self):
        source = 'sys/devices/system/clocksource/clocksource0/current_clocksource'
        for name, flags, state in (('tsc', 'fpu sse4_2 constant_tsc nonstop_tsc', 'ok'), ('tsc', 'fpu sse4_2', 'warn'),
                                   ('hpet', 'fpu sse4_2 constant_tsc nonstop_tsc', 'warn')):
            a = self.ask('--root', self.tree({source: name, 'proc/cpuinfo': f'processor\t: 0\nflags\t\t: {flags}'}))
            self.assertEqual(len(self.of(a, 'clock', state)), 1, (name, flags, a))

    def test_two_threads_of_one_core_and_a_cpu_that_is_not_there_are_told(self):
        cpu = 'sys/devices/system/cpu/'
        root = self.tree({cpu + 'online': '0-7', cpu + 'isolated': '2-3,6-7', cpu + 'cpu2/topology/thread_siblings_list': '2,6',
                          cpu + 'cpu6/topology/thread_siblings_list': '2,6', cpu + 'cpu0/cpufreq/scaling_governor': 'powersave'})
        a = self.ask('--root', root, config=self.box('cores = { workers = 2; worker_cpus = [2, 6]; };'))
        self.assertTrue(any('worker CPUs 2 and 6' in t for t in self.of(a, 'cpu', 'warn')), a)
        self.assertTrue(any("workers' CPUs are isolated" in t for t in self.of(a, 'cpu', 'ok')), a)
        self.assertTrue(any('powersave' in t for t in self.of(a, 'cpu', 'warn')), a)
        a = self.ask('--root', root, config=self.box('cores = { workers = 2; worker_cpus = [3, 8]; };'), code=weir.FAILED)
        self.assertEqual(len(self.of(a, 'cpu', 'bad')), 1)

    def nic(self, address, driver, node=0):
        device = f'sys/bus/pci/devices/{address}/'
        root = self.tree({device + 'class': '0x020000', device + 'numa_node': str(node)})
        self.link(device + 'driver', f'../../drivers/{driver}')
        return root

    def test_a_pci_port_needs_a_driver_that_dpdk_can_use(self):
        self.nic('0000:3b:00.0', 'vfio-pci')
        root = self.nic('0000:3b:00.1', 'ixgbe')
        a = self.ask('--root', root, code=weir.FAILED, config=self.box(
            'taps = ( { name = "t"; ports = ["3b:00.0", "0000:3b:00.1,x=1", "0000:3b:00.2"]; } );'))
        self.assertEqual(self.of(a, 'port', 'ok'), ['port 0000:3b:00.0: driver vfio-pci, DPDK can use it'])
        self.assertEqual(self.of(a, 'port', 'bad'), ['port 0000:3b:00.1: driver ixgbe, which DPDK cannot use',
                                                     'port 0000:3b:00.2: no PCI device of this address'])
        self.assertTrue(self.of(a, 'iommu', 'bad'))  # needed now, and not there

    def test_a_pci_port_that_carries_the_default_route_is_refused_without_a_command(self):
        net = 'sys/class/net/eth9/'
        root = self.nic('0000:3b:00.1', 'ixgbe')
        self.tree({net + 'flags': '0x1003', net + 'carrier': '1', 'sys/bus/pci/devices/0000:3b:00.1/net/eth9/flags': '0x1003',
                   'proc/net/route': 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT\n'
                                     'eth9\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0'})
        text = 'taps = ( { name = "t"; ports = ["0000:3b:00.1"]; %s } );'
        a = self.ask('--root', root, code=weir.FAILED, config=self.box(text % ''))
        f = next(f for f in a['findings'] if f['check'] == 'port')
        self.assertEqual((f['state'], f['command']), ('bad', None))
        self.assertIn('eth9 carries the default route', f['text'])
        a = self.ask('--root', root, code=weir.FAILED, config=self.box(text % 'exclusive = true;'))
        self.assertEqual(next(f for f in a['findings'] if f['check'] == 'port')['command'], 'weir-setup --nic 0000:3b:00.1')

    def test_a_worker_on_another_node_than_the_nic_is_told(self):
        root = self.nic('0000:3b:00.0', 'vfio-pci', node=1)
        self.tree({'sys/devices/system/node/node1/cpulist': '4-7', 'sys/devices/system/cpu/online': '0-7'})
        a = self.ask('--root', root, code=weir.FAILED, config=self.box(  # bad: no IOMMU
            'cores = { workers = 2; worker_cpus = [3, 4]; }; taps = ( { name = "t"; ports = ["3b:00.0"]; } );'))
        self.assertEqual(len([t for t in self.of(a, 'port', 'warn') if 'worker CPU 3 is not on NUMA node 1' in t]), 1, a)

    def test_files_of_nonsense_are_survived(self):
        noise = {path: '\x01"\\\xff' * 300 for path in (
            'proc/cpuinfo', 'proc/meminfo', 'proc/net/route', 'proc/net/ipv6_route', 'sys/devices/system/cpu/online',
            'sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages', 'proc/sys/kernel/osrelease',
            'sys/devices/system/clocksource/clocksource0/current_clocksource', 'sys/class/net/e/flags',
            'sys/bus/pci/devices/0000:00:00.0/class', 'sys/devices/system/cpu/isolated')}
        self.assertEqual(list(dict.fromkeys(f['check'] for f in self.ask('--root', self.tree(noise))['findings'])), CHECKS)


if __name__ == '__main__':
    weir.main()
