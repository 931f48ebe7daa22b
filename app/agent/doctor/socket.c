/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel gives when it is asked: packet sockets, XDP sockets, BPF. */
#include "doctor.h"

#include <errno.h>
#include <linux/bpf.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static void try_socket(struct doctor *d, int family, const char *name, const char *module,
		       unsigned int kinds)
{
	const int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, 0);
	char command[64];

	if (fd >= 0) {
		close(fd);
		doctor_say(d, FINDING_OK, "", "%s: a socket can be made", name);
		return;
	}
	if (errno == EPERM || errno == EACCES) {
		doctor_say(d, doctor_unless_needed(d, kinds), "systemctl start weir-agent",
			   "%s: not for this process: CAP_NET_RAW is missing; the service has it",
			   name);
		return;
	}
	snprintf(command, sizeof(command), "modprobe %s", module);
	doctor_say(d, doctor_unless_needed(d, kinds), errno == EAFNOSUPPORT ? command : "",
		   "%s: no socket: %m", name);
}

void doctor_sockets(struct doctor *d)
{
	if (!d->live) {
		doctor_say(d, FINDING_OK, "", "not tried: another machine's");
		return;
	}
	try_socket(d, AF_PACKET, "AF_PACKET", "af_packet",
		   PORT_KERNEL | PORT_NETNS | PORT_NETNS_PID | PORT_AF_PACKET);
	try_socket(d, AF_XDP, "AF_XDP", "xsk_diag", PORT_AF_XDP);
}

/* Asking for the first program's id loads nothing: EPERM or ENOENT mean that BPF is there. */
static bool has_bpf(void)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	return syscall(SYS_bpf, BPF_PROG_GET_NEXT_ID, &attr, sizeof(attr)) == 0 || errno != ENOSYS;
}

void doctor_bpf(struct doctor *d)
{
	long long jit = -1, unprivileged = -1;

	if (!d->live)
		doctor_say(d, FINDING_OK, "", "BPF is not tried: another machine's");
	else if (has_bpf())
		doctor_say(d, FINDING_OK, "", "the kernel has BPF");
	else
		doctor_say(d, doctor_unless_needed(d, PORT_AF_XDP), "",
			   "the kernel has no BPF: no AF_XDP");
	if (doctor_exists(d, "/sys/kernel/btf/vmlinux"))
		doctor_say(d, FINDING_OK, "", "BTF is there: /sys/kernel/btf/vmlinux");
	else
		doctor_say(d, FINDING_WARN, "apt-get install linux-image-amd64",
			   "no BTF of the kernel: system calls cannot be watched");
	if (doctor_number(d, &jit, "/proc/sys/net/core/bpf_jit_enable") && jit == 0)
		doctor_say(d, FINDING_WARN, "sysctl -w net.core.bpf_jit_enable=1",
			   "BPF programs are interpreted: filters of kernel interfaces are slow");
	if (doctor_number(d, &unprivileged, "/proc/sys/kernel/unprivileged_bpf_disabled"))
		doctor_say(d, FINDING_OK, "", "unprivileged BPF is %s",
			   unprivileged == 0 ? "allowed" : "off, as it should be");
}
