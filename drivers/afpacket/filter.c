/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which packets a socket takes, and how much of them: a classic BPF program returns the number of bytes
 * to keep, so the snap length costs nothing and the kernel does not copy what nobody wants.
 */
#include "afpacket_priv.h"

#include <errno.h>
#include <stdlib.h>

/* Also where the socket option is missing or does not count: in a fanout group before Linux 6.2. */
static const struct sock_filter against_outgoing[AGAINST_OUTGOING] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

static struct sock_filter drop_all = BPF_STMT(BPF_RET | BPF_K, 0);
const struct sock_fprog weir_afpacket_filter_none = { .len = 1, .filter = &drop_all };

/* A length that the program takes from the packet (RET A) is cut when the frame is lent. */
static struct sock_filter cut(struct sock_filter f, uint32_t snaplen)
{
	if (f.code == (BPF_RET | BPF_K))
		f.k = (uint32_t)weir_min_u64(f.k, snaplen);
	return f;
}

int weir_afpacket_filter_make(struct sock_fprog *prog, const struct weir_afpacket_options *o,
			      struct weir_err *err)
{
	const struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, UINT32_MAX);
	const struct sock_filter *f = o->filter != NULL ? o->filter : &all;
	const size_t len = o->filter != NULL ? o->filter_len : 1;
	struct sock_filter *made;

	if (len == 0 || len > BPF_MAXINSNS - AGAINST_OUTGOING)
		return weir_err_set(err, EINVAL,
				    "interface %s: filter of %zu instructions: allowed are 1 to %u",
				    o->interface, len, BPF_MAXINSNS - AGAINST_OUTGOING);
	made = calloc(AGAINST_OUTGOING + len, sizeof(*made));
	if (made == NULL)
		return weir_err_set(err, ENOMEM, "interface %s: no memory for the filter",
				    o->interface);
	memcpy(made, against_outgoing, sizeof(against_outgoing));
	for (size_t i = 0; i < len; i++)
		made[AGAINST_OUTGOING + i] = cut(f[i], o->snaplen);
	*prog = (struct sock_fprog){ .len = (unsigned short)(AGAINST_OUTGOING + len),
				     .filter = made };
	return 0;
}
