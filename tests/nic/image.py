# SPDX-License-Identifier: Apache-2.0
"""The guest's kernel and memory disk: Debian's kernel, busybox, the programs under test with all their libraries."""
import glob
import os
import re
import stat
import subprocess
import tarfile

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get('WEIR_BUILD', os.path.join(os.path.dirname(os.path.dirname(HERE)), 'build'))
PROGRAMS = ('app/agent/weir-agent', 'tools/ctl/weirctl')
# Debian's cloud kernel has all that is needed and a third of the other one's size.
KERNEL_PACKAGE = 'linux-image-cloud-amd64'
# In this order: vfio_pci before a driver that would take the cards.
MODULES = ('vfio_iommu_type1', 'vfio_pci', 'virtio_pci', 'virtio_console')
DRIVERS = ('bus_pci', 'bus_vdev', 'mempool_ring', 'net_virtio', 'net_e1000')
UNSEEN_LIBRARIES = ('libgcc_s.so.1',)  # loaded when a thread is cancelled; ldd does not name it


def output(*command, **options):
    p = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       **options)
    if p.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: {p.stderr.strip() or p.stdout.strip()}")
    return p.stdout


def kernel_package():
    """-> the name of the package that the newest kernel is in."""
    found = re.search(r'Depends: (linux-image-\S+)', output('apt-cache', 'depends', KERNEL_PACKAGE))
    if not found:
        raise RuntimeError(f'apt-cache knows no kernel behind {KERNEL_PACKAGE}')
    return found[1]


def download(folder):
    """Fetch the two packages into `folder`, without installing them."""
    def fetch():
        packages = kernel_package(), 'busybox-static'
        output('apt-get', '-q', '-o', 'APT::Sandbox::User=root', 'download', *packages, cwd=folder)

    try:
        fetch()
    except RuntimeError:  # package lists that are old, or were removed
        output('apt-get', '-q', 'update')
        fetch()


def unpack(package, wanted):
    """-> {path: bytes} of the package's files that `wanted` matches."""
    with subprocess.Popen(('dpkg-deb', '--fsys-tarfile', package), stdout=subprocess.PIPE) as p:
        with tarfile.open(fileobj=p.stdout, mode='r|') as tar:
            return {m.name: tar.extractfile(m).read() for m in tar if m.isfile() and re.search(wanted, m.name)}


def module_name(path):
    return os.path.basename(path).removesuffix('.ko').replace('-', '_')


def in_order(modules, wanted):
    """-> names of `wanted` and all they need, each after what it needs; a module names those itself."""
    order = []

    def take(name):
        needs = re.search(rb'\0depends=([^\0]*)\0', modules[name])
        for need in filter(None, needs[1].decode().split(',') if needs else ()):
            take(need.replace('-', '_'))
        if name not in order:
            order.append(name)

    for name in wanted:
        take(name)
    return order


def base(folder):
    """What does not change with the programs: kernel, modules in their order, busybox. Made once."""
    done = os.path.join(folder, 'modules')
    if os.path.exists(done):
        return
    os.makedirs(folder, exist_ok=True)
    for old in glob.glob(os.path.join(folder, '*.deb')):
        os.remove(old)
    download(folder)
    kernel = unpack(glob.glob(os.path.join(folder, 'linux-image-*.deb'))[0], r'/boot/vmlinuz-|\.ko$')
    modules = {module_name(path): data for path, data in kernel.items() if path.endswith('.ko')}
    order = in_order(modules, MODULES)
    busybox = unpack(glob.glob(os.path.join(folder, 'busybox-static*.deb'))[0], r'/busybox$')
    files = {'kernel': next(data for path, data in kernel.items() if '/vmlinuz-' in path),
             'busybox': next(iter(busybox.values())), **{name + '.ko': modules[name] for name in order}}
    for name, data in files.items():
        with open(os.path.join(folder, name), 'wb') as f:
            f.write(data)
    for deb in glob.glob(os.path.join(folder, '*.deb')):
        os.remove(deb)
    with open(done, 'w') as f:
        f.write('\n'.join(order))


class Disk:
    """A memory disk in the making: the archive that the kernel unpacks as its first file system (cpio, "newc")."""

    def __init__(self):
        self.entries = {}
        for folder in ('bin', 'sbin', 'lib', 'lib64'):
            self.entry(folder, stat.S_IFLNK | 0o777, b'usr/' + folder.encode())

    def entry(self, name, mode, data=b''):
        folder = os.path.dirname(name)
        if folder:
            self.folder(folder)
        self.entries.setdefault(name, (mode, data))

    def folder(self, name):
        if name not in self.entries:
            self.entry(name, stat.S_IFDIR | 0o755)

    def write_file(self, name, data, mode=0o644):
        self.entry(name.lstrip('/'), stat.S_IFREG | mode, data)

    def add(self, path):
        """A file of this machine under its real path, once, with a link where it goes by another name."""
        # Two copies of one DPDK library would both be loaded, and the EAL gives up.
        real = os.path.realpath(path)
        name = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        with open(real, 'rb') as f:
            self.write_file(real, f.read(), os.stat(real).st_mode & 0o777)
        if name != real:
            self.entry(name.lstrip('/'), stat.S_IFLNK | 0o777, real.encode())

    def add_program(self, path, name=None):
        """A program or library with all the libraries it needs; `name`: its path in the guest, if another."""
        if name:
            with open(path, 'rb') as f:
                self.write_file(name, f.read(), 0o755)
        else:
            self.add(path)
        for library in re.findall(r'(?:=> |^\s*)(/\S+) \(', output('ldd', path), re.M):
            self.add(library)

    def archive(self):
        parts = []
        for number, (name, (mode, data)) in enumerate([*self.entries.items(), ('TRAILER!!!', (0, b''))], 1):
            fields = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
            head = b'070701' + b''.join(b'%08X' % field for field in fields) + name.encode() + b'\0'
            parts += (head, bytes(-len(head) % 4), data, bytes(-len(data) % 4))
        return b''.join(parts)


def build(folder, programs):
    """Make `folder`/kernel and `folder`/disk, with `programs` in the guest's /bin. Needs the network, once."""
    base(folder)
    disk = Disk()
    for name in ('dev', 'etc', 'proc', 'root', 'run', 'sys', 'tmp', 'var/lib'):
        disk.folder(name)
    disk.entry('var/run', stat.S_IFLNK | 0o777, b'/run')
    with open(os.path.join(HERE, 'init'), 'rb') as f:
        disk.write_file('init', f.read(), 0o755)
    with open(os.path.join(folder, 'modules')) as f:
        order = f.read().split()
    for name in order:
        with open(os.path.join(folder, name + '.ko'), 'rb') as f:
            disk.write_file(f'modules/{name}.ko', f.read())
    disk.write_file('modules/order', '\n'.join(order).encode() + b'\n')
    with open(os.path.join(folder, 'busybox'), 'rb') as f:
        disk.write_file('usr/bin/busybox', f.read(), 0o755)
    for program in programs:
        disk.add_program(program, 'usr/bin/' + os.path.basename(program))
    libraries = output('gcc', '-print-file-name=libc.so.6').strip()
    for name in UNSEEN_LIBRARIES:
        disk.add(os.path.join(os.path.dirname(libraries), name))
    plugins = output('pkg-config', '--variable=libdir', 'libdpdk').strip() + '/dpdk/pmds-*'
    for name in DRIVERS:
        found = glob.glob(f'{plugins}/librte_{name}.so*')
        if not found:
            raise RuntimeError(f'no DPDK driver {name} in {plugins}')
        for path in found:
            disk.add_program(path)
    with open(os.path.join(folder, 'disk'), 'wb') as f:
        f.write(disk.archive())


def ready(*more):
    """-> the folder of an image with the programs as they are built now, and `more`."""
    folder = os.path.join(BUILD, 'nic')
    if not os.environ.get('WEIR_NIC_INSIDE'):  # there, nothing can be fetched, and all was
        build(folder, [*(os.path.join(BUILD, program) for program in PROGRAMS), *more])
    return folder
