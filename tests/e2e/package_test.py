#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The Debian package in a Debian of its own: it works there, and nothing of it is left when it is purged.

The Debian is made once by debootstrap, from where this machine has its packages, and kept below the build folder. Each
test sees it through an overlay of its own in its own mount namespace."""
import os
import re
import shutil
import subprocess
import time
import unittest

import weir

TREE = os.path.join(weir.BUILD, 'debian-tree')
TOOLS = 'ethtool iproute2 libcap2-bin procps systemd'  # what a machine that captures has, too
LISTED = r'''list() { find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /var/lib/dpkg -o -path /var/cache -o -path /mnt \) -prune -o \
	-printf '%p %y %m %u %g %l\n' | sort; cat /etc/passwd /etc/group /etc/shadow /etc/gshadow; }
'''


def must(*command, **options):
    p = weir.run(*command, **options)
    if p.returncode != 0:
        raise AssertionError(f'{command}: exit {p.returncode}\n{p.stdout}{p.stderr}')
    return p.stdout


def read(path):
    with open(path) as f:
        return f.read()


def mirror():
    """-> where this machine has Debian's packages from, and the release's name."""
    names = re.search(r'VERSION_CODENAME=(\w+)', read('/etc/os-release'))
    for line in must('apt-get', 'indextargets', '--format', '$(SITE) $(CODENAME)').splitlines():
        site, _, name = line.partition(' ')
        if names and name == names[1]:
            return site, name
    raise unittest.SkipTest('this machine is no Debian with a mirror')


def debian(depends):
    """Make the tree, with everything the package depends on, unless it is there."""
    ready = TREE + '.ready'
    made_for = f'{TOOLS}, {depends}'
    if os.path.exists(ready) and read(ready) == made_for:
        return
    if os.path.exists(ready):
        os.remove(ready)
    shutil.rmtree(TREE, ignore_errors=True)
    site, name = mirror()
    must('debootstrap', '--variant=minbase', name, TREE, site, timeout=900)
    lax = '-o Acquire::Check-Valid-Until=false -o Acquire::Check-Date=false -o DPkg::Lock::Timeout=60'
    must('chroot', TREE, 'sh', '-c', f'''apt-get {lax} update -q && DEBIAN_FRONTEND=noninteractive apt-get {lax} install -qy \
        --no-install-recommends {TOOLS} {' '.join(re.sub(r' *[(][^)]*[)]', '', d) for d in depends.split(','))} && apt-get clean''',
         timeout=900)
    with open(ready, 'w') as f:
        f.write(made_for)


@unittest.skipUnless(os.geteuid() == 0, 'needs root')
class Debian(weir.Case):
    @classmethod
    def setUpClass(cls):
        if weir.run('unshare', '-m', 'true').returncode != 0:
            raise unittest.SkipTest('no mount namespace to be had')
        out = must(os.path.join(weir.SOURCE, 'tools/package'), os.path.join(weir.BUILD, 'package'), timeout=1200)
        cls.deb = os.path.join(weir.SOURCE, out.splitlines()[-1])
        cls.depends = must('dpkg-deb', '-f', cls.deb, 'Depends').strip()
        debian(cls.depends)


class Package(Debian):
    def inside(self, script, code=0):
        """-> standard output of a script in the Debian, with the package as /mnt/weir.deb and captures in /mnt/data."""
        outside = f'''set -e
            mount -t tmpfs none "$0" && cd "$0" && mkdir upper work all
            mount -t overlay none -o lowerdir={TREE},upperdir=upper,workdir=work all
            mkdir all/mnt/data && mount --bind {weir.DATA} all/mnt/data && cp {self.deb} all/mnt/weir.deb
            mount -t proc none all/proc && mount --rbind /sys all/sys && mount --rbind /dev all/dev
            exec chroot all /bin/bash -c "$1"'''
        p = weir.run('unshare', '-m', '-p', '-f', '--kill-child', 'bash', '-c', outside, self.dir, LISTED + script, timeout=300,
                     env={'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL': 'C', 'DEBIAN_FRONTEND': 'noninteractive'})
        self.assertEqual(p.returncode, code, p.stdout + p.stderr)
        return p.stdout

    def test_its_version_is_that_of_the_sources(self):
        version = re.search(r"version: '([^']*)'", read(os.path.join(weir.SOURCE, 'meson.build')))[1]
        self.assertEqual(must('dpkg-deb', '-f', self.deb, 'Version').strip(), version)

    def test_every_file_of_it_is_roots_and_nobody_else_writes_it(self):
        for line in must('dpkg-deb', '-c', self.deb).splitlines():
            self.assertRegex(line, r'^(l\S+|[d-]rw.r-.r-.) root/root ')

    def test_it_installs_with_what_it_depends_on_and_its_programs_run(self):
        out = self.inside('''dpkg -i /mnt/weir.deb >/dev/null 2>&1 || exit 9
            weir-agent --help | head -1; weirctl --help | head -1; weir-setup --plan --hugepages 0; weir-agent check | head -1
            weir-agent doctor -o json >/dev/null; echo $?
            getent passwd weir; stat -c '%n %U %G %a' /etc/weir /var/lib/weir /run/weir /usr/sbin/weir-agent''').splitlines()
        self.assertEqual(out[0], 'usage: weir-agent COMMAND [options]')
        self.assertIn('weirctl', out[1])
        self.assertEqual(out[2:4][-1], '# nothing to do', out)  # a line before it where there is no vfio-pci
        self.assertTrue(out[4].startswith('ok: box configuration /etc/weir/agent.cfg'))
        self.assertEqual(out[5], '0')
        self.assertRegex(out[6], r'^weir:x:\d+:\d+:.*:/var/lib/weir:/usr/sbin/nologin$')
        self.assertEqual(out[7:], ['/etc/weir root weir 750', '/var/lib/weir weir weir 750', '/run/weir weir weir 755',
                                   '/usr/sbin/weir-agent root root 755'])

    def test_the_flows_of_a_capture_are_those_of_the_built_program_also_as_user_weir(self):
        expected = must(weir.AGENT, 'replay', '--sorted', '--flows', '-', weir.data('quickstart.pcap'))
        for before in ('', 'setpriv --reuid weir --regid weir --init-groups '):
            out = self.inside('dpkg -i /mnt/weir.deb >/dev/null 2>&1 || exit 9; cd /\n' + before +
                              'weir-agent replay --sorted --flows - /mnt/data/quickstart.pcap')
            self.assertEqual(out, expected)

    def test_a_dpdk_device_works_with_the_drivers_it_depends_on(self):
        self.inside('''dpkg -i /mnt/weir.deb >/dev/null 2>&1 || exit 9
            cd / && exec setpriv --reuid weir --regid weir --init-groups weir-agent bench --seconds 1 \
                --port net_pcap0,rx_pcap=/mnt/data/quickstart.pcap,infinite_rx=1 2>&1''')

    def test_purged_it_leaves_nothing_after_use_and_set_up(self):
        out = self.inside('''mkdir -p /sys/fs/cgroup/cpu 2>/dev/null; list >/mnt/before; dpkg -i /mnt/weir.deb >/dev/null 2>&1 || exit 9
            weir-agent replay --store /var/lib/weir/store /mnt/data/quickstart.pcap 2>/dev/null || exit 8
            chown -R weir:weir /var/lib/weir; touch /run/weir/agent.sock; weir-setup --hugepages 0 >/dev/null || exit 7
            mkdir -p /etc/tmpfiles.d; echo "rmdir /etc/x" >>/var/lib/weir-setup.undo; mkdir /etc/x
            dpkg --purge weir >/mnt/log 2>&1 || { cat /mnt/log; exit 6; }
            list >/mnt/after; diff /mnt/before /mnt/after''')
        self.assertEqual(out, '')

    def test_removed_it_leaves_configuration_and_records_and_takes_them_up_again(self):
        out = self.inside('''dpkg -i /mnt/weir.deb >/dev/null 2>&1 || exit 9; echo '# mine' >>/etc/weir/agent.cfg; touch /var/lib/weir/record
            dpkg -r weir >/dev/null 2>&1 || exit 8; ls /etc/weir /var/lib/weir; ls /usr/sbin/weir* 2>/dev/null; getent passwd weir | cut -d: -f1
            dpkg -i /mnt/weir.deb >/dev/null 2>&1 || exit 7; tail -n 1 /etc/weir/agent.cfg''')
        self.assertEqual(out.split('\n'), ['/etc/weir:', 'agent.cfg', 'controller.cfg', '', '/var/lib/weir:', 'record', 'weir', '# mine', ''])

    def test_the_units_are_right_and_give_the_capabilities_of_the_table(self):
        table = read(os.path.join(weir.SOURCE, 'app/agent/capabilities.def'))
        needed = {'CAP_' + name for name in re.findall(r'^NEEDS\((\w+),', table, re.M)} - {'CAP_SYS_RAWIO'}  # root's only
        out = self.inside('''dpkg -i /mnt/weir.deb >/dev/null 2>&1 || exit 9; cd /usr/lib/systemd/system
            systemd-analyze verify --man=no weir-agent.service weir-agent@a.service weir-controller.service 2>&1; echo "verified $?"
            grep -h -e ^AmbientCapabilities -e ^CapabilityBoundingSet weir-agent.service weir-agent@.service
            grep -h ^ExecStart weir-agent.service weir-agent@.service''').splitlines()
        self.assertEqual(out[0], 'verified 0', out)
        for line in out[1:5]:
            self.assertEqual(set(line.partition('=')[2].split()), needed)
        self.assertEqual(out[5:], ['ExecStart=/usr/sbin/weir-agent run', 'ExecStart=/usr/sbin/weir-agent run -c /etc/weir/%i.cfg'])

    def test_sysusers_and_tmpfiles_make_what_the_package_makes(self):
        out = self.inside('''dpkg -i /mnt/weir.deb >/dev/null 2>&1 || exit 9; getent passwd weir | cut -d: -f1,6,7; rm -rf /run/weir; userdel weir
            systemd-sysusers weir.conf && systemd-tmpfiles --create weir.conf
            getent passwd weir | cut -d: -f1,6,7; stat -c '%U %G %a' /run/weir''').splitlines()
        self.assertEqual(out, ['weir:/var/lib/weir:/usr/sbin/nologin'] * 2 + ['weir weir 755'])


BOOT = r'''set -e
mount -t tmpfs none "$0" && cd "$0" && mkdir upper work all
mount -t overlay none -o lowerdir=$TREE,upperdir=upper,workdir=work all
cp $DEB all/mnt/weir.deb
mount -t proc none all/proc; mount -t sysfs none all/sys; mount -t cgroup2 none all/sys/fs/cgroup
mount --bind all/proc/sys all/proc/sys && mount -o remount,bind,ro all/proc/sys # the kernel is this machine's
mount -t tmpfs none all/run; mount -t tmpfs none all/dev; mkdir all/dev/shm all/dev/net all/dev/pts
for n in null:1:3 console:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0 net/tun:10:200; do
	IFS=: read -r name major minor <<<"$n"
	mknod -m 0666 "all/dev/$name" c "$major" "$minor" # our own: what systemd does to its console is not for this machine's
done
rm -f all/etc/systemd/system/getty.target.wants/* && ln -s /dev/null all/etc/systemd/system/console-getty.service
chroot all dpkg -i /mnt/weir.deb >/dev/null 2>&1
ip link set lo up
for pair in cap:snd afx:xds pkt:pks; do
	ip link add name ${pair%:*} type veth peer name ${pair#*:}; ip link set ${pair%:*} up; ip link set ${pair#*:} up
done
exec chroot all /usr/bin/env -i container=weir-test PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --show-status=0
'''
TAPS = '''control = { group = "weir"; }; flow = { capacity = 65536; };
taps = ( { name = "a"; ports = [ "cap", "net_af_xdp0,iface=afx", "net_af_packet0,iface=pkt", "net_tap0,iface=weirtap",
	"net_memif0,role=server,socket-abstract=no,socket=/run/weir/memif" ]; },
	{ name = "b"; ports = [ "snd" ]; netns = "/run/netns/far"; } );
'''


class Service(Debian):
    """The units under a systemd of its own, in namespaces of its own and a cgroup that is removed with it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        v2 = weir.run('findmnt', '-n', '-t', 'cgroup2', '-o', 'TARGET').stdout.split()
        if not v2:
            raise unittest.SkipTest('no cgroup v2')

    def setUp(self):
        super().setUp()
        self.group = os.path.join(weir.run('findmnt', '-n', '-t', 'cgroup2', '-o', 'TARGET').stdout.split()[0],
                                  f'weir-test-{os.getpid()}')
        os.mkdir(self.group)
        self.addCleanup(self.remove_group)
        enter = f'echo $BASHPID >{self.group}/cgroup.procs && exec unshare -m -p -u -i -n -C -f --kill-child=KILL bash -c "$1" "$0"'
        boot = subprocess.Popen(['bash', '-c', enter, self.dir, BOOT], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL, env={'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'TREE': TREE,
                                                                'DEB': self.deb, 'DEBIAN_FRONTEND': 'noninteractive'})
        self.addCleanup(boot.wait)
        self.addCleanup(boot.kill)
        self.pid = self.wait(lambda: next((pid for pid in self.children(boot.pid) if os.readlink(f'/proc/{pid}/exe').endswith(
            '/systemd')), None))
        self.wait(lambda: self.sh('systemctl is-system-running', None).strip() in ('running', 'degraded'))

    def remove_group(self):
        def gone():
            for folder, _, _ in os.walk(self.group, topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    return False
            return True
        self.wait(gone)

    @staticmethod
    def wait(what):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            value = what()
            if value:
                return value
            time.sleep(0.2)
        raise AssertionError('waited in vain')

    @staticmethod
    def children(pid):
        try:
            return [int(p) for p in read(f'/proc/{pid}/task/{pid}/children').split()]
        except OSError:
            return []

    def sh(self, script, code=0):
        """-> standard output of a script beside that systemd; any exit status where code is None."""
        p = weir.run('nsenter', '-t', str(self.pid), '-a', '-r', '-w', '/bin/bash', '-c', script,
                     env={'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL': 'C'})
        if code is not None:
            self.assertEqual(p.returncode, code, p.stdout + p.stderr + self.journal())
        return p.stdout

    def journal(self):
        return self.sh('journalctl -u weir-agent -u weir-controller --no-pager', None)

    def test_it_starts_reloads_and_stops_as_user_weir_with_what_its_ports_need_only(self):
        self.sh('systemctl start weir-agent && systemctl reload weir-agent')
        status = self.sh('cat /proc/$(systemctl show -p MainPID --value weir-agent)/status; id -u weir; ls /var/lib/weir')
        self.assertRegex(status, r'CapEff:\t0000000000002000\n')  # CAP_NET_RAW is 13
        self.assertRegex(status, r'NoNewPrivs:\t1\n')
        self.assertEqual(re.search(r'Uid:\t(\d+)', status)[1], status.split('\n')[-3])
        self.assertEqual(status.split('\n')[-2], 'store')
        self.sh('systemctl stop weir-agent; systemctl is-failed weir-agent', 1)
        self.assertIn('the agent stops', self.journal())

    def test_every_kind_of_port_works_within_the_unit_and_an_instance(self):
        self.sh(f"""cat >/etc/weir/agent.cfg <<'CFG'\n{TAPS}CFG
            ip netns add far && ip link set snd netns far && ip -n far link set snd up && systemctl start weir-agent""")
        self.wait(lambda: '6 of 6 ports up' in self.journal() or '5 of 6 ports up' in self.journal())  # memif has no peer
        self.assertNotIn('tried again', self.journal())
        self.sh("""systemctl stop weir-agent; sed 's#group = "weir"#socket = "/run/weir/one.sock"#' /etc/weir/agent.cfg >/etc/weir/one.cfg
            systemctl start weir-agent@one && [ -S /run/weir/one.sock ] && systemctl stop weir-agent@one""")

    def test_a_wrong_configuration_is_not_tried_again_and_again(self):
        self.sh("echo 'flow = { capacity = 5; };' >/etc/weir/agent.cfg; systemctl start weir-agent", 1)
        self.assertEqual(self.sh('sleep 2; systemctl show -p NRestarts,ExecMainStatus --value weir-agent').split(), ['0', '3'])

    def test_an_agent_that_is_killed_comes_back(self):
        self.sh('systemctl start weir-agent && systemctl kill -s KILL weir-agent')
        self.wait(lambda: self.sh('systemctl show -p NRestarts,ActiveState --value weir-agent').split() == ['1', 'active'])

    def test_the_controller_has_no_capability_and_takes_changes_from_root_alone_and_keeps_them(self):
        self.sh('systemctl start weir-controller && weirctl agent-group create edge')
        status = self.sh('cat /proc/$(systemctl show -p MainPID --value weir-controller)/status; id -u weir; stat -c %U,%a /var/lib/weir/controller')
        self.assertEqual(re.findall(r'Cap(?:Eff|Prm|Bnd):\t0+\n', status), re.findall(r'Cap(?:Eff|Prm|Bnd):.*\n', status))
        self.assertEqual(re.search(r'Uid:\t(\d+)', status)[1], status.split('\n')[-3])
        self.assertEqual(status.split('\n')[-2], 'weir,700')
        self.sh('setpriv --reuid nobody --clear-groups weirctl agent-group create other', 5)
        self.sh('systemctl kill -s KILL weir-controller')
        self.wait(lambda: self.sh('systemctl show -p NRestarts,ActiveState --value weir-controller').split() == ['1', 'active'])
        self.assertEqual([row.split()[0] for row in self.sh('weirctl agent-group list').splitlines()], ['default', 'edge'])
        self.sh('systemctl stop weir-controller; systemctl is-failed weir-controller', 1)

    def test_file_capabilities_in_either_order_do_no_harm_to_the_service(self):
        setcap = 'setcap cap_sys_ptrace,cap_net_raw,cap_net_admin,cap_ipc_lock,cap_sys_admin=eip /usr/sbin/weir-agent'
        for order in (f'{setcap} && chown -R weir:weir /usr/sbin/weir-agent', setcap):
            self.sh(f'{order} && systemctl start weir-agent && systemctl is-active weir-agent && systemctl stop weir-agent')
        self.sh('setcap -r /usr/sbin/weir-agent')

    def test_the_steps_of_the_manual_by_hand_work_as_they_are_written(self):
        give, take = re.findall(r'```sh\n(.*?)```', read(os.path.join(weir.SOURCE, 'config/README.md')), re.S)
        groups = 'mkdir -p /sys/fs/cgroup/cpu /sys/fs/cgroup/memory'  # where there is v2 only, these are two of its groups
        self.sh(f'set -e; {groups}; {give}systemctl start weir-agent; systemctl is-active weir-agent')
        self.assertIn('cap_sys_ptrace', self.sh('getcap /usr/sbin/weir-agent'))
        self.sh(f'set -e; systemctl stop weir-agent; {take}')
        self.assertEqual(self.sh('getcap /usr/sbin/weir-agent; ls -d /sys/fs/cgroup/*/weir-agent 2>/dev/null', None), '')

    def test_purge_stops_and_forgets_it(self):
        self.sh('systemctl enable --now weir-agent 2>/dev/null && dpkg --purge weir >/dev/null 2>&1')
        self.assertEqual(self.sh('systemctl is-active weir-agent; ls /etc/systemd/system/multi-user.target.wants | grep weir;'
                                 'getent passwd weir; pgrep weir-agent; ls -d /run/weir /var/lib/weir 2>/dev/null', None).strip(),
                         'inactive')


@unittest.skipUnless(shutil.which('meson'), 'needs meson')
class Install(weir.Case):
    def test_what_meson_installs_is_what_the_package_holds(self):
        must('meson', 'install', '-C', weir.BUILD, '--no-rebuild', '--destdir', self.dir, timeout=300)
        files = {name for _, _, names in os.walk(self.dir) for name in names}
        for name in ('weir-agent', 'weir-controller', 'weirctl', 'weir-setup', 'weir-agent.service', 'weir-agent@.service',
                     'weir-controller.service', 'weir-agent.1', 'weir-controller.1', 'weirctl.1', 'agent.cfg', 'controller.cfg',
                     'group.yaml', 'settings.md', 'counters.md', 'fields.md', 'capabilities.md', 'weir.conf'):
            self.assertIn(name, files)


if __name__ == '__main__':
    weir.main()
