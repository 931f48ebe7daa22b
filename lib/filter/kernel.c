/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The classic program for a kernel socket. The kernel takes a VLAN tag out of a frame before it asks the
 * filter, so what was compiled for frames with their tag in them would decide wrongly: such a frame
 * passes, and is judged later. Linux, Documentation/networking/filter.rst.
 */
#include "filter_priv.h"

#include <weir_filter.h>

#include <errno.h>
#include <linux/filter.h>

static_assert(BPF_MAXINSNS == WEIR_FILTER_CLASSIC_MAX, "what the kernel takes");

/* What a packet socket gives. */
static bool has_socket(enum weir_link link)
{
	return link == WEIR_LINK_ETHER || link == WEIR_LINK_RAW || link == WEIR_LINK_PPP;
}

static struct sock_filter instruction(const struct bpf_insn *in, uint32_t snaplen)
{
	bool passes = in->code == (BPF_RET | BPF_K) && in->k != 0;

	return (struct sock_filter){ in->code, in->jt, in->jf, passes ? snaplen : in->k };
}

/* By 32 bits and more: 0 for libpcap, modulo 32 in the kernel. */
static bool shifts_by_register(const struct bpf_program *p)
{
	for (unsigned int i = 0; i < p->bf_len; i++) {
		if (p->bf_insns[i].code == (BPF_ALU | BPF_LSH | BPF_X) ||
		    p->bf_insns[i].code == (BPF_ALU | BPF_RSH | BPF_X))
			return true;
	}
	return false;
}

int weir_filter_classic(const struct weir_filter *f, enum weir_link link, uint32_t snaplen,
			struct sock_filter *out, size_t max)
{
	const struct sock_filter prologue[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 (uint32_t)(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
		BPF_STMT(BPF_RET | BPF_K, snaplen),
	};
	const struct bpf_program *p;

	static_assert(WEIR_ARRAY_SIZE(prologue) == CLASSIC_PROLOGUE, "as counted");
	assert(snaplen > 0);
	if (link >= WEIR_LINKS || !has_socket(link) || f->programs[link].classic.bf_len == 0)
		return -ENOENT;
	p = &f->programs[link].classic;
	if (shifts_by_register(p))
		return -EOPNOTSUPP;
	if (p->bf_len + CLASSIC_PROLOGUE > max)
		return -ENOSPC;
	memcpy(out, prologue, sizeof(prologue));
	for (unsigned int i = 0; i < p->bf_len; i++)
		out[CLASSIC_PROLOGUE + i] = instruction(&p->bf_insns[i], snaplen);
	return (int)(CLASSIC_PROLOGUE + p->bf_len);
}
