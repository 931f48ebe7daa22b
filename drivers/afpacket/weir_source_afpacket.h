/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel interface as a capture source, through rings that the kernel fills (AF_PACKET,
 * TPACKET_V3). Live: what is not taken in time is lost, and counted exactly by missed(). The host goes on
 * using the interface; nothing of it is changed but promiscuous mode, which the kernel undoes.
 */
#ifndef WEIR_SOURCE_AFPACKET_H
#define WEIR_SOURCE_AFPACKET_H

#include <weir_rt.h>

struct sock_filter; /* <linux/filter.h> */

struct weir_afpacket_options {
	const char *interface; /* by name; copied */
	/*
	 * Path of the network namespace it is in, such as /run/netns/NAME or /proc/PID/ns/net; copied.
	 * NULL = that of the threads that call open() and rx().
	 */
	const char *netns;
	uint16_t queues;       /* packets are spread by a hash of both ends, the same for both
				  directions, of the outermost headers; 0 = 1 */
	uint64_t memory_bytes; /* of the rings of all queues together; 0 = 64 MiB */
	uint32_t snaplen; /* first bytes of a packet that are kept; 0 = WEIR_FRAME_MAX, the most */
	bool promiscuous;
	bool ignore_outgoing; /* not what this host sends; on a loopback device it is always left out,
				 for it comes in again */
	/* Classic BPF program that says which packets the kernel may hand over; copied. NULL = all. */
	const struct sock_filter *filter;
	uint16_t filter_len; /* instructions */
};

enum weir_afpacket_link {
	WEIR_AFPACKET_UP,
	WEIR_AFPACKET_DOWN, /* set down, or without carrier */
	WEIR_AFPACKET_GONE, /* there is no interface of this name; its return is waited for */
};

struct weir_afpacket_state {
	enum weir_afpacket_link link;
	int ifindex;      /* of what is captured from; 0 = nothing */
	uint64_t given;   /* packets that the kernel had for us: received + missed, at rest */
	uint64_t downs;   /* times the link was found down or gone; short ones in between are one */
	uint64_t returns; /* times an interface that was gone came back */
	struct weir_err err; /* why nothing is captured from an interface that is there */
};

/*
 * Nothing is opened yet. NULL with `err` when the options are wrong. ops->open() makes sockets and rings and
 * needs CAP_NET_RAW, with `netns` CAP_SYS_ADMIN as well; its errors: -ENODEV with the interfaces there
 * are, -EPERM with the capability, -ENOMEM, -EINVAL. No packet is taken before ops->start(); an
 * interface that is down is waited for. After ops->stop(), missed() also holds what lay in the rings and was
 * never taken. ops->close() frees the source; all frames were given back before.
 *
 * missed() must be called at least once in 2^32 packets, or the kernel's counter wraps.
 */
struct weir_source *weir_source_afpacket_create(const struct weir_afpacket_options *o,
						struct weir_err *err);

/*
 * What frames of an interface begin with, as long as nobody makes it anew as another type. `netns` as in the
 * options. 0, or -ENODEV and others with `err` set. Any thread.
 */
int weir_source_afpacket_link(const char *interface, const char *netns, enum weir_link *link,
			      struct weir_err *err);

/*
 * From now on the kernel hands over what this program says, as in the options; packets that lie in the rings stay.
 * 0, or -errno with `err`, and the program before it stays. Control thread, also while packets flow.
 */
int weir_source_afpacket_filter(struct weir_source *src, const struct sock_filter *filter,
				uint16_t filter_len, struct weir_err *err);

/* Promiscuous mode from now on, or not. 0, or -errno with `err`. Control thread, also while packets flow. */
int weir_source_afpacket_promiscuous(struct weir_source *src, bool on, struct weir_err *err);

/* How it is now. Control thread. */
void weir_source_afpacket_state(struct weir_source *src, struct weir_afpacket_state *state);

#endif
