#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tools/setup does what its plan says, again without effect, and takes it all back. Nothing of this machine is touched but
huge pages, which are given back: it runs in a mount namespace with copies of /etc, /var/lib and /run."""
import json
import os
import shutil
import unittest

import weir

SETUP = os.path.join(weir.SOURCE, 'tools/setup')
PAGES = '/sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages'
# $0: an empty folder. What the script sees of the folders below is a copy; nothing in it is mounted outside.
OWN_MACHINE = '''set -e
mkdir "$0/etc" && cp -a /etc/. "$0/etc" && rm -rf "$0/etc/weir" && mount --bind "$0/etc" /etc
sed -i '/^weir:/d' /etc/passwd /etc/group /etc/shadow /etc/gshadow
mount -t tmpfs none /var/lib && mount -t tmpfs none /run
'''
# A fake /sys of two nodes, with a NIC that is nobody's, and one that is a slave of br0.
OTHER_SYS = '''mount -t tmpfs none /sys
for n in 0 1; do
	mkdir -p /sys/devices/system/node/node$n/hugepages/hugepages-2048kB
	echo 7 > /sys/devices/system/node/node$n/hugepages/hugepages-2048kB/nr_hugepages
done
mkdir -p /sys/bus/pci/drivers/vfio-pci /sys/bus/pci/drivers/ixgbe /sys/devices/virtual/net/br0
: > /sys/bus/pci/drivers/ixgbe/unbind
for f in 0 1; do
	dev=/sys/bus/pci/devices/0000:3b:00.$f
	mkdir -p $dev/net/ens$f /sys/class/net/ens$f
	echo 0x020000 > $dev/class
	ln -s ../../drivers/ixgbe $dev/driver
done
ln -s ../../../devices/virtual/net/br0 /sys/class/net/ens1/master
'''


def root_or_skip():
    if os.geteuid() != 0 or weir.run('unshare', '-m', 'true').returncode != 0:
        raise unittest.SkipTest('needs root and a mount namespace')


class Setup(weir.Case):
    @classmethod
    def setUpClass(cls):
        root_or_skip()

    def inside(self, script, code=0, prepare=''):
        """-> standard output of a script in a machine of its own, where $setup is the program under test."""
        env = dict(os.environ, setup=SETUP, agent=weir.AGENT, PAGES=PAGES, PATH=os.environ['PATH'] + ':/usr/sbin:/sbin')
        text = OWN_MACHINE + prepare + 'set +e\n' + script
        p = weir.run('unshare', '-m', 'bash', '-c', text, self.dir, env=env)
        self.assertEqual(p.returncode, code, p.stdout + p.stderr)
        self.stderr = p.stderr
        return p.stdout

    STATE = '''state() { find /etc /var/lib /run -printf '%p %m %u %g %s\\n' | grep -v -e '- [0-9]* root' -e /etc/.pwd.lock | sort
	cat /etc/passwd /etc/group /etc/shadow /etc/gshadow $(ls $PAGES); }\n'''

    def test_the_plan_changes_nothing_and_is_what_is_done(self):
        plan, again, done = self.inside(self.STATE + '''
            before=$(mktemp) after=$(mktemp); state > $before; $setup --plan --hugepages 0; state > $after
            cmp $before $after || exit 9; rm $before $after
            echo ---; $setup --plan --hugepages 0; echo ---; $setup --hugepages 0''').split('---\n')
        self.assertEqual(plan, again)
        self.assertIn('useradd', plan)
        self.assertEqual(plan, ''.join(line + '\n' for line in done.splitlines() if not line.startswith('# done')))

    def test_a_second_run_finds_nothing_to_do(self):
        self.assertTrue(self.inside('$setup --hugepages 0 >/dev/null && $setup --hugepages 0').endswith('# nothing to do\n'))

    def test_undo_leaves_files_users_and_pages_as_they_were(self):
        out = self.inside(self.STATE + '''
            mkdir -p /etc/tmpfiles.d; echo 'mine' > /etc/tmpfiles.d/weir-hugepages.conf
            before=$(mktemp) after=$(mktemp); state > $before; now=$(cat $PAGES)
            $setup --hugepages $((now + 2)) >/dev/null || exit 8
            echo "pages $(($(cat $PAGES) - now))"; getent passwd weir; stat -c '%U %a' /var/lib/weir
            grep -c nr_hugepages /etc/tmpfiles.d/weir-hugepages.conf
            $setup --undo >/dev/null || exit 7
            state > $after; diff $before $after; echo "same $?"; rm $before $after
            $setup --undo''', prepare=self.pages_prepare())
        lines = out.splitlines()
        self.assertEqual(lines[0], 'pages 2')
        self.assertTrue(lines[1].startswith('weir:x:') and lines[1].endswith(':/var/lib/weir:/usr/sbin/nologin'), lines)
        self.assertEqual(lines[2:], ['weir 750', '1', 'same 0', 'nothing to undo'])

    def pages_prepare(self):
        return '' if os.path.exists(PAGES) else OTHER_SYS

    def test_records_are_not_taken_back(self):
        self.inside('$setup --hugepages 0 >/dev/null; touch /var/lib/weir/x; $setup --undo >/dev/null; [ -e /var/lib/weir/x ]')

    def test_an_undo_that_was_cut_off_goes_on_where_it_stopped(self):
        out = self.inside('''$setup --hugepages 0 >/dev/null; n=$(wc -l < /var/lib/weir-setup.undo)
            sed -i '$d' /var/lib/weir-setup.undo; $setup --undo | wc -l; echo $n''').split()
        self.assertEqual(int(out[0]), int(out[1]) - 1)

    def test_pages_are_spread_over_the_nodes_and_never_made_fewer(self):
        node = '/sys/devices/system/node/node%d/hugepages/hugepages-2048kB/nr_hugepages'
        out = self.inside('$setup --hugepages 21 >/dev/null; cat /sys/devices/system/node/node?/hugepages/*/nr_hugepages;'
                          '$setup --hugepages 6 >/dev/null; cat /sys/devices/system/node/node?/hugepages/*/nr_hugepages;'
                          'cat /etc/tmpfiles.d/weir-hugepages.conf', prepare=OTHER_SYS)
        self.assertEqual(out.split('\n')[:4], ['11', '11', '11', '11'])
        self.assertEqual([line.split()[1] for line in out.split('\n')[4:6]], [node % 0, node % 1])

    def test_what_the_doctor_misses_is_there_after_it(self):
        before, after = (json.loads(text) for text in self.inside('''
            $agent doctor -o json -c /dev/null; echo ---; $setup -c /dev/null --hugepages 0 >/dev/null
            $agent doctor -o json -c /dev/null''').split('---\n'))
        of = lambda a: {f['text'] for f in a['findings'] if f['check'] == 'directory' and f['state'] != 'ok'}
        self.assertEqual(len(of(before)), 3, before)
        self.assertEqual(of(after), set())

    def test_the_pages_are_as_many_as_the_doctor_asks_for(self):
        a, plan = self.inside('$agent doctor -o json -c /dev/null; echo ---; $setup --plan -c /dev/null',
                              prepare=OTHER_SYS).split('---\n')
        finding = [f for f in json.loads(a)['findings'] if f['check'] == 'hugepages' and f['command']][0]
        asked = finding['command'].split()[1]
        self.assertEqual([line.split()[1] for line in plan.splitlines() if line.startswith('echo') and 'hugepages-2048kB' in line
                          and '> /sys' in line], [asked, asked])

    def test_a_nic_is_bound_and_stays_so_after_a_restart(self):
        out = self.inside('''$setup --hugepages 0 --nic 3b:00.0 >/dev/null || exit 9; cd /sys/bus/pci
            cat devices/0000:3b:00.0/driver_override drivers/ixgbe/unbind drivers_probe /etc/udev/rules.d/60-weir-0000-3b-00.0.rules
            $setup --undo --plan''', prepare=OTHER_SYS + ': > /sys/bus/pci/drivers_probe\n').splitlines()
        self.assertEqual(out[:3], ['vfio-pci', '0000:3b:00.0', '0000:3b:00.0'])
        self.assertIn('KERNEL=="0000:3b:00.0", ATTR{driver_override}="vfio-pci"', out[3])
        self.assertIn('echo > /sys/bus/pci/devices/0000:3b:00.0/driver_override; echo 0000:3b:00.0 > '
                      '/sys/bus/pci/devices/0000:3b:00.0/driver/unbind; echo 0000:3b:00.0 > /sys/bus/pci/drivers_probe', out)

    def test_a_nic_of_a_bridge_and_one_that_is_not_there_are_refused_before_anything_is_done(self):
        for nic, code, words in (('0000:3b:00.1', 5, 'ens1 belongs to br0: refused'), ('0000:99:00.0', 1, 'no such PCI device')):
            self.assertEqual(self.inside(f'$setup --nic {nic}; rc=$?; ls /var/lib; exit $rc', code, prepare=OTHER_SYS), '')
            self.assertIn(words, self.stderr)
            os.system(f'rm -rf {self.dir}/etc')

    def test_the_nic_that_carries_the_address_of_this_machine_is_refused(self):
        for name in os.listdir('/sys/class/net'):
            device = os.path.realpath(f'/sys/class/net/{name}/device')
            pci = next((part for part in reversed(device.split('/')) if part.count(':') == 2), None)
            if pci and weir.run('ip', '-o', 'addr', 'show', 'dev', name, 'scope', 'global').stdout:
                self.inside(f'$setup --plan --nic {pci}', 5)
                self.assertIn(f'--nic {pci}: {name} carries an address: refused', self.stderr)
                return
        self.skipTest('no PCI device of this machine carries an address')


class Usage(weir.Case):
    def test_wrong_options_are_named(self):
        for arguments, words in ((['--nosuch'], '--nosuch: no such option'), (['--hugepages', 'x'], '--hugepages x: '),
                                 (['--nic'], '--nic: a value is needed')):
            p = weir.run(SETUP, *arguments)
            self.assertEqual((p.returncode, p.stdout), (weir.USAGE, ''))
            self.assertIn(words, p.stderr)

    def test_only_root_does_it_and_everybody_sees_the_plan(self):
        if os.geteuid() != 0:
            self.skipTest('only root can become another user')
        setup = shutil.copy(SETUP, self.dir)  # the tree may lie where nobody else can go
        os.chmod(self.dir, 0o755)
        nobody = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups']
        self.assertIn('only root', weir.run(*nobody, setup).stderr)
        self.assertEqual(weir.run(*nobody, setup, '--plan', '--hugepages', '0').returncode, 0)


if __name__ == '__main__':
    weir.main()
