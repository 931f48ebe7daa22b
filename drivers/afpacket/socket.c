/* SPDX-License-Identifier: Apache-2.0 */
/* One packet socket: packet(7), and Linux, Documentation/networking/packet_mmap.rst. */
#include "afpacket_priv.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <sys/socket.h>
#include <unistd.h>

static int set(int fd, int option, const void *value, socklen_t size)
{
	return setsockopt(fd, SOL_PACKET, option, value, size) == 0 ? 0 : -errno;
}

static int ring_request(int fd, const struct weir_afpacket_ring *plan)
{
	/* Frames have the size they need in version 3; the kernel only wants the sums to be right. */
	const struct tpacket_req3 req = {
		.tp_block_size = plan->block_bytes,
		.tp_block_nr = plan->n_blocks,
		.tp_frame_size = plan->block_bytes,
		.tp_frame_nr = plan->n_blocks,
		.tp_retire_blk_tov = RETIRE_MS,
	};
	const int version = TPACKET_V3;
	int rc = set(fd, PACKET_VERSION, &version, sizeof(version));

	return rc == 0 ? set(fd, PACKET_RX_RING, &req, sizeof(req)) : rc;
}

int weir_afpacket_socket_open(struct weir_afpacket_socket *k, const struct weir_afpacket_ring *plan,
			      bool cooked, const char *name, struct weir_err *err)
{
	/* Protocol 0: it takes nothing until it is bound. */
	const int fd = socket(AF_PACKET, (cooked ? SOCK_DGRAM : SOCK_RAW) | SOCK_CLOEXEC, 0);
	const uint64_t kib = (uint64_t)plan->n_blocks * (plan->block_bytes >> 10);
	int rc;

	if (fd < 0 && errno == EPERM)
		return weir_err_set(err, EPERM,
				    "interface %s: capturing is not permitted: the program needs "
				    "CAP_NET_RAW (setcap cap_net_raw+ep PROGRAM, or run as root)",
				    name);
	if (fd < 0)
		return weir_err_set(err, errno, "interface %s: no packet socket: %s", name,
				    strerror(errno));
	rc = ring_request(fd, plan);
	if (rc != 0) {
		close(fd);
		return weir_err_set(err, -rc,
				    "interface %s: no ring of %lu KiB: %s; less memory or fewer "
				    "queues may do",
				    name, kib, strerror(-rc));
	}
	k->fd = fd;
	return 0;
}

int weir_afpacket_socket_promiscuous(const struct weir_afpacket_socket *k, int ifindex, bool on)
{
	const struct packet_mreq req = { .mr_ifindex = ifindex, .mr_type = PACKET_MR_PROMISC };

	return set(k->fd, on ? PACKET_ADD_MEMBERSHIP : PACKET_DROP_MEMBERSHIP, &req, sizeof(req));
}

/* The program decides; where the kernel knows the option, such packets do not even come to it. */
void weir_afpacket_socket_ignore_outgoing(const struct weir_afpacket_socket *k)
{
	const int one = 1;

	(void)set(k->fd, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
}

int weir_afpacket_socket_filter(const struct weir_afpacket_socket *k, const struct sock_fprog *prog)
{
	return setsockopt(k->fd, SOL_SOCKET, SO_ATTACH_FILTER, prog, sizeof(*prog)) == 0 ? 0
											 : -errno;
}

int weir_afpacket_socket_bind(const struct weir_afpacket_socket *k, int ifindex)
{
	const struct sockaddr_ll to = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = ifindex,
	};

	return bind(k->fd, (const struct sockaddr *)&to, sizeof(to)) == 0 ? 0 : -errno;
}

int weir_afpacket_socket_join(const struct weir_afpacket_socket *k, int *group)
{
	int value = PACKET_FANOUT_HASH << 16, rc;
	socklen_t size = sizeof(value);

	if (*group >= 0) {
		value |= *group;
		return set(k->fd, PACKET_FANOUT, &value, sizeof(value));
	}
	value |= PACKET_FANOUT_FLAG_UNIQUEID << 16;
	rc = set(k->fd, PACKET_FANOUT, &value, sizeof(value));
	if (rc == 0 && getsockopt(k->fd, SOL_PACKET, PACKET_FANOUT, &value, &size) != 0)
		rc = -errno;
	if (rc == 0)
		*group = value & UINT16_MAX;
	return rc;
}

bool weir_afpacket_socket_is_bound(const struct weir_afpacket_socket *k, int ifindex)
{
	struct sockaddr_ll at = { 0 };
	socklen_t size = sizeof(at);

	return getsockname(k->fd, (struct sockaddr *)&at, &size) == 0 && at.sll_ifindex == ifindex;
}

bool weir_afpacket_socket_fell(const struct weir_afpacket_socket *k)
{
	int code = 0;
	socklen_t size = sizeof(code);

	return getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &code, &size) == 0 && code == ENETDOWN;
}

/* Reading sets the kernel's counters to 0; tp_packets holds tp_drops. */
void weir_afpacket_socket_count(struct weir_afpacket_socket *k)
{
	struct tpacket_stats_v3 stats = { 0 };
	socklen_t size = sizeof(stats);

	if (k->fd < 0 || getsockopt(k->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) != 0)
		return;
	k->given += stats.tp_packets;
	k->lost += stats.tp_drops;
}

void weir_afpacket_socket_close(struct weir_afpacket_socket *k)
{
	weir_afpacket_socket_count(k);
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
}
