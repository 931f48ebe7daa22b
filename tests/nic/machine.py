# SPDX-License-Identifier: Apache-2.0
"""A small guest under QEMU, all software, with emulated network cards: its wires, its shell, its plugs."""
import base64
import fcntl
import json
import os
import platform
import select
import shutil
import socket
import stat
import struct
import subprocess
import sys
import time

BOOT_S = 120  # on a machine with other work to do
ANSWER_S = 120
MEMORY_MIB = 640
HUGE_PAGES = 192  # of 2 MiB, for tables and packets: without, vfio pins memory page by page when a card is opened
SEND_S = 20  # a card that takes nothing makes its sender wait
IPV6_MTU_MIN = 1280
TUNSETIFF = 0x400454ca
IFF_TAP, IFF_MULTI_QUEUE, IFF_NO_PI = 0x2, 0x100, 0x1000


class Unavailable(Exception):
    """This machine cannot run the guest, and why."""


def enter_namespace():
    """Go on in a network of our own, in which nothing leaves, with processes that end when we do."""
    if os.environ.get('WEIR_NIC_INSIDE'):
        return
    if platform.machine() != 'x86_64':
        raise Unavailable(f'the guest is an x86_64 machine, and runs programs of this one, a {platform.machine()}')
    if not shutil.which('qemu-system-x86_64'):
        raise Unavailable('qemu-system-x86_64 is not installed: tools/dev/packages nic')
    unshare = ['unshare', '--net', '--pid', '--fork', '--kill-child']
    if os.getuid() != 0:
        unshare.append('--map-root-user')
    p = subprocess.run([*unshare, 'true'], stderr=subprocess.PIPE, text=True)
    if p.returncode != 0:
        raise Unavailable(f'no namespace for the guest: {p.stderr.strip()}')
    os.environ['WEIR_NIC_INSIDE'] = '1'
    os.execvp('unshare', [*unshare, sys.executable, *sys.argv])


def tun_device(folder):
    """-> the device that makes tap interfaces; a container may have none yet."""
    device = '/dev/net/tun'
    if not os.path.exists(device):
        device = os.path.join(folder, 'tun')
        if not os.path.exists(device):
            os.mknod(device, stat.S_IFCHR | 0o600, os.makedev(10, 200))
    return device


class Tap:
    """A kernel interface whose other end is the card's wire; several queues make a multi-queue card possible."""

    def __init__(self, name, queues, folder):
        self.name = name
        self.fds = [self.queue(folder, queues > 1) for _ in range(queues)]
        # Below the least that IPv6 takes: the kernel has nothing of its own to say there.
        subprocess.run(['ip', 'link', 'set', name, 'mtu', str(IPV6_MTU_MIN - 1), 'up'], check=True)
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self.socket.bind((name, 0))

    def queue(self, folder, several):
        flags = IFF_TAP | IFF_NO_PI | (IFF_MULTI_QUEUE if several else 0)
        try:
            fd = os.open(tun_device(folder), os.O_RDWR)
            fcntl.ioctl(fd, TUNSETIFF, struct.pack('16sH22x', self.name.encode(), flags))
        except OSError as e:
            raise Unavailable(f'no tap interface for the card: /dev/net/tun: {e.strerror}') from e
        return fd

    def netdev(self, name):
        fds = ':'.join(map(str, self.fds))
        return f'tap,id={name},vhost=off,' + (f'fds={fds}' if len(self.fds) > 1 else f'fd={fds}')

    def send(self, frame):
        self.socket.send(frame)

    def delivered(self):
        """-> packets that QEMU took from the kernel, as the kernel counts them."""
        with open('/proc/net/dev') as f:
            line = next(line for line in f if line.strip().startswith(self.name + ':'))
        return int(line.split(':')[1].split()[9])

    def close(self):
        self.socket.close()
        for fd in self.fds:
            os.close(fd)


class Stream:
    """A UNIX socket with a length before each frame: one queue, no kernel interface."""

    def __init__(self, name, folder):
        self.path = os.path.join(folder, name + '.wire')
        self.listener = listen(self.path)
        self.socket, self.fds, self.sent = None, [], 0

    def netdev(self, name):
        return f'stream,id={name},server=off,addr.type=unix,addr.path={self.path}'

    def send(self, frame):
        if self.socket is None:
            self.socket, _ = self.listener.accept()
            self.socket.settimeout(SEND_S)
        self.socket.sendall(struct.pack('!I', len(frame)) + frame)
        self.sent += 1

    def delivered(self):
        return self.sent

    def close(self):
        self.listener.close()
        if self.socket is not None:
            self.socket.close()


class Card:
    """One card: `driver` and `properties` as QEMU knows them, `ids` its PCI vendor and device, `wire` its other end."""

    def __init__(self, name, driver, ids, wire, **properties):
        self.name, self.ids, self.wire = name, ids, wire
        self.properties = {'driver': driver, 'id': name, 'netdev': name + '-wire', 'romfile': '', **properties}

    def device(self):
        return dict(self.properties, bus=self.name + '-slot')


def virtio(name, queues, folder):
    """Modern virtio with receive-side scaling; QEMU computes the hash."""
    return Card(name, 'virtio-net-pci', '1af4:1041', Tap(name, queues, folder), mq=True, rss=True,
                vectors=2 * queues + 2, iommu_platform=True, **{'disable-legacy': 'on'})


def e1000e(name, folder):
    """Intel 82574L: one receive queue in use, no scaling."""
    return Card(name, 'e1000e', '8086:10d3', Stream(name, folder))


def listen(path):
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen(1)
    s.settimeout(BOOT_S)
    return s


class Qmp:
    """QEMU's monitor: commands, and events that came by."""

    def __init__(self, connection):
        self.socket = connection
        self.lines = connection.makefile('r')
        self.events = []
        self.message()  # its greeting
        self.execute('qmp_capabilities')

    def message(self):
        line = self.lines.readline()
        if not line:
            raise RuntimeError('QEMU has gone')
        return json.loads(line)

    def execute(self, command, **arguments):
        self.socket.sendall(json.dumps({'execute': command, 'arguments': arguments}).encode() + b'\n')
        while True:
            m = self.message()
            if 'event' in m:
                self.events.append(m)
            elif 'error' in m:
                raise RuntimeError(f"{command}: {m['error']['desc']}")
            else:
                return m['return']

    def wait(self, event, **data):
        """Until an event of this name and data has come, since the last wait for one."""
        while True:
            for m in self.events:
                if m['event'] == event and data.items() <= m.get('data', {}).items():
                    self.events.remove(m)
                    return
            m = self.message()
            if 'event' in m:
                self.events.append(m)


class Done:
    """What a command in the guest left behind."""

    def __init__(self, returncode, stdout, stderr):
        self.returncode, self.stdout, self.stderr = returncode, stdout, stderr


# mitigations and kaslr take time; on a busy machine the kernel takes its timer for dead and its clock for bad.
KERNEL_ARGUMENTS = 'quiet console=ttyS0 panic=-1 mitigations=off nokaslr no_timer_check tsc=reliable intel_iommu=on'


def qemu_command(folder, image, cards, memory_mib, huge_pages):
    ids = ','.join(sorted({card.ids for card in cards}))
    command = [
        'qemu-system-x86_64', '-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none',
        '-accel', 'tcg,thread=multi', '-machine', 'q35', '-cpu', 'max', '-smp', '2', '-m', str(memory_mib),
        '-kernel', f'{image}/kernel', '-initrd', f'{image}/disk',
        '-append', f'{KERNEL_ARGUMENTS} hugepages={huge_pages} nic.ids={ids}',
        '-serial', f'file:{folder}/console.log',
        '-device', 'intel-iommu,intremap=on,caching-mode=on',
        # No tty: what is sent to the guest would come back from it.
        '-device', 'virtio-serial-pci', '-device', 'virtserialport,chardev=shell,nr=1',
        '-chardev', f'socket,id=shell,path={folder}/shell',
        '-chardev', f'socket,id=monitor,path={folder}/monitor', '-mon', 'chardev=monitor,mode=control',
    ]
    for slot, card in enumerate(cards, 1):
        # A root port each: an IOMMU group of its own, and a slot to plug into.
        port = f'pcie-root-port,id={card.name}-slot,chassis={slot},slot={slot},addr={0x10 + slot:#x}'
        command += ['-netdev', card.wire.netdev(card.name + '-wire'), '-device', port,
                    '-device', json.dumps(card.device())]
    return command


class Machine:
    def __init__(self, folder, image, cards, memory_mib=MEMORY_MIB, huge_pages=HUGE_PAGES):
        """Boot `image` with `cards`; the first is at 0000:01:00.0 in the guest. Sockets and logs go to `folder`."""
        self.folder, self.cards = folder, {card.name: card for card in cards}
        ends = listen(os.path.join(folder, 'shell')), listen(os.path.join(folder, 'monitor'))
        with open(os.path.join(folder, 'qemu.log'), 'wb') as log:
            self.process = subprocess.Popen(qemu_command(folder, image, cards, memory_mib, huge_pages),
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            pass_fds=[fd for card in cards for fd in card.wire.fds])
        try:
            self.connection = self.accept(ends[0])
            self.shell = self.connection.makefile('rwb')
            self.qmp = Qmp(self.accept(ends[1]))
            self.expect_ready()
        except BaseException:
            self.close()
            raise

    def accept(self, listener):
        for _ in range(10 * BOOT_S):
            if select.select([listener], [], [], 0.1)[0]:
                connection, _ = listener.accept()
                connection.settimeout(ANSWER_S)
                listener.close()
                return connection
            if self.process.poll() is not None:
                raise RuntimeError(f'QEMU ended: {self.log()}')
        raise RuntimeError(f'QEMU does not connect: {self.log()}')

    def expect_ready(self):
        line = self.shell.readline()
        if line != b'ready\n':
            raise RuntimeError(f'the guest does not start: {line!r} {self.log()}')

    def log(self):
        text = ''
        for name in ('qemu.log', 'console.log'):
            path = os.path.join(self.folder, name)
            if os.path.exists(path):
                with open(path, errors='replace') as f:
                    text += f.read()[-2000:]
        return text

    def run(self, command):
        """One line of shell in the guest -> how it ended."""
        self.shell.write(command.encode() + b'\n')
        self.shell.flush()
        line = self.shell.readline()
        if not line:
            raise RuntimeError(f'the guest has gone: {self.log()}')
        status, out, err = map(int, line.split())
        return Done(status, self.shell.read(out).decode(), self.shell.read(err).decode())

    def check(self, command):
        """-> what it printed; a failure is an exception."""
        done = self.run(command)
        if done.returncode != 0:
            raise RuntimeError(f'{command}: exit {done.returncode}: {done.stdout}{done.stderr}')
        return done.stdout

    def write(self, path, text):
        self.check(f'echo {base64.b64encode(text.encode()).decode()} | base64 -d >{path}')

    def read(self, path):
        return self.check(f'cat {path}')

    def wait(self, command, seconds=30):
        """Until a line of shell succeeds in the guest."""
        end = time.monotonic() + seconds
        while self.run(command).returncode != 0:
            if time.monotonic() > end:
                raise RuntimeError(f'not within {seconds} s: {command}')
            time.sleep(0.1)

    def link(self, card, up):
        self.qmp.execute('set_link', name=card.name, up=up)

    def unplug(self, card):
        self.qmp.execute('device_del', id=card.name)
        self.qmp.wait('DEVICE_DELETED', device=card.name)

    def plug(self, card):
        self.qmp.execute('device_add', **card.device())

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for card in self.cards.values():  # after QEMU: it can crash when a wire ends with frames on it
            card.wire.close()


def send(frames, per_second):
    """(card, frame) after each other onto their wires, evenly. When QEMU took them, or after a while -> how many."""
    cards = {card for card, _ in frames}
    before = sum(card.wire.delivered() for card in cards)
    begin = time.monotonic()
    for i, (card, frame) in enumerate(frames):
        ahead = i / per_second - (time.monotonic() - begin)
        if ahead > 0.001:
            time.sleep(ahead)
        card.wire.send(frame)
    end = time.monotonic() + SEND_S
    while True:
        taken = sum(card.wire.delivered() for card in cards) - before
        if taken == len(frames) or time.monotonic() > end:
            return taken
        time.sleep(0.01)
