/* SPDX-License-Identifier: Apache-2.0 */
/* Private to drivers/afpacket. Bottom to top: filter and iface, ring, socket, source. */
#ifndef AFPACKET_PRIV_H
#define AFPACKET_PRIV_H

#include "weir_source_afpacket.h"

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <stdalign.h>

/*
 * A frame that is looked at after it was given back may still hold its bytes, or the kernel's next ones:
 * under AddressSanitizer blocks that are the kernel's must not be touched.
 */
#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

#define DEFAULT_MEMORY (UINT64_C(64) << 20)
#define BLOCK_BYTES    (UINT32_C(128) << 10) /* the smallest block: some hundred packets */
#define BLOCKS_MIN     4
#define RETIRE_MS      10  /* a packet alone in its block waits that long */
#define QUEUES_MAX     256 /* sockets in one fanout group; Linux, PACKET_FANOUT_MAX before 5.7 */

/*
 * The program of a socket: what this host sends is left out by the first AGAINST_OUTGOING instructions, which
 * may be skipped, then the filter of the options, the lengths it returns cut to the snap length.
 * free(prog->filter) by the caller. -EINVAL, -ENOMEM.
 */
#define AGAINST_OUTGOING 3
int weir_afpacket_filter_make(struct sock_fprog *prog, const struct weir_afpacket_options *o,
			      struct weir_err *err);
/* No packet passes. */
extern const struct sock_fprog weir_afpacket_filter_none;

struct weir_afpacket_iface {
	int index;
	uint16_t type; /* ARPHRD_... */
	bool is_up;    /* IFF_UP */
};

/*
 * Go to a network namespace with this thread; NULL = stay. `back` is for leave(), which must follow.
 */
int weir_afpacket_netns_enter(const char *path, int *back, struct weir_err *err);
void weir_afpacket_netns_leave(int back);

/* In the thread's namespace. -ENODEV with a list of what there is. */
int weir_afpacket_iface_find(const char *name, struct weir_afpacket_iface *iface,
			     struct weir_err *err);
/* Of the interface with this index in the namespace of socket `fd`. */
enum weir_afpacket_link weir_afpacket_iface_link(int fd, int index);
/*
 * What frames of an interface of this type begin with. `cooked`: the header is not one to
 * rely on, so packets are taken without it.
 */
enum weir_link weir_afpacket_iface_type(uint16_t type, bool *cooked);

/* A block of a ring. `out`: 0 = the kernel's, else 1 + frames that are out; ring.c. */
struct weir_afpacket_block {
	alignas(WEIR_CACHE_LINE) _Atomic uint32_t out; /* rx thread, done(): rw */
	uint32_t bytes;
	struct tpacket_block_desc *desc; /* shared with the kernel */
};

/* The ring of a queue. All of it the rx thread's while packets flow. */
struct weir_afpacket_ring {
	struct weir_afpacket_block *at; /* lent from now; NULL = none */
	const uint8_t *p;               /* next packet of it */
	uint32_t left;                  /* packets of it not yet lent */
	uint32_t lent;                  /* frames of it that were lent */
	uint32_t next;                  /* the block after it */
	uint32_t snaplen;
	uint8_t link; /* enum weir_link */

	struct weir_afpacket_block *blocks;
	uint32_t n_blocks, block_bytes;
	uint8_t *memory;
};

/* Blocks of each queue. -EINVAL, -ENOMEM. */
int weir_afpacket_ring_plan(struct weir_afpacket_ring *r, const struct weir_afpacket_options *o,
			    struct weir_err *err);
/* Map the ring of socket `fd`, made as planned. -errno. */
int weir_afpacket_ring_init(struct weir_afpacket_ring *r, int fd);
/* Accepts one that is not mapped. The plan stays. */
void weir_afpacket_ring_fini(struct weir_afpacket_ring *r);
/* rx thread. */
uint16_t weir_afpacket_ring_take(struct weir_afpacket_ring *r, struct weir_frame *frames,
				 uint16_t max);
/* Any thread. */
void weir_afpacket_ring_give(const struct weir_frame *frames, uint16_t n);
/* Nothing of it is lent. rx thread. */
bool weir_afpacket_ring_is_back(const struct weir_afpacket_ring *r);

/* One packet socket. */
struct weir_afpacket_socket {
	int fd;         /* -1 = none */
	uint64_t given; /* packets the kernel had, of this and all sockets before it */
	uint64_t lost;  /* of these, the ring was full */
};

/* A socket that takes nothing yet, with a ring as planned. Its errors name `name`. */
int weir_afpacket_socket_open(struct weir_afpacket_socket *k, const struct weir_afpacket_ring *plan,
			      bool cooked, const char *name, struct weir_err *err);
void weir_afpacket_socket_ignore_outgoing(const struct weir_afpacket_socket *k);
/* -errno, these four. */
int weir_afpacket_socket_promiscuous(const struct weir_afpacket_socket *k, int ifindex, bool on);
int weir_afpacket_socket_filter(const struct weir_afpacket_socket *k,
				const struct sock_fprog *prog);
int weir_afpacket_socket_bind(const struct weir_afpacket_socket *k, int ifindex);
/* Join the others in `group`; -1 = be the first, `group` becomes the name. */
int weir_afpacket_socket_join(const struct weir_afpacket_socket *k, int *group);
/* Is it still bound to this interface? False: that was removed, or went to another namespace. */
bool weir_afpacket_socket_is_bound(const struct weir_afpacket_socket *k, int ifindex);
/* True when the link went down since the last call. */
bool weir_afpacket_socket_fell(const struct weir_afpacket_socket *k);
/* Bring `given` and `lost` up to date. Accepts one that is not open, here and below. */
void weir_afpacket_socket_count(struct weir_afpacket_socket *k);
void weir_afpacket_socket_close(struct weir_afpacket_socket *k);

#endif
