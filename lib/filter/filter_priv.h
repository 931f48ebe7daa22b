/* SPDX-License-Identifier: Apache-2.0 */
/* Inside lib/filter: text -> classic program -> DPDK's program, one a link type. */
#ifndef FILTER_PRIV_H
#define FILTER_PRIV_H

#include <weir_filter.h>
#include <weir_pattern.h>

#include <pcap/pcap.h>
#include <rte_bpf.h>

#define CLASSIC_PROLOGUE 3 /* instructions put before a program for the kernel */

struct program {
	struct rte_bpf *bpf;        /* NULL: too much for DPDK's verifier, or no such frames */
	uint64_t (*native)(void *); /* NULL: to be interpreted */
	struct bpf_program classic; /* as libpcap made it; bf_len 0: no such frames are expected */
};

struct weir_filter {
	struct program programs[WEIR_PATTERN_PROGRAMS];
};

static_assert(WEIR_PATTERN_PCAP_MAX + CLASSIC_PROLOGUE == WEIR_FILTER_CLASSIC_MAX, "fits");

/* What a program reads of its argument, a struct rte_mbuf that stands for a frame: see view.h. */
#define VIEW_WIRELEN hash.rss

/* A program for DPDK. */
struct filter_code {
	struct ebpf_insn *ins;
	uint32_t *origin; /* of each: the classic instruction it was made of */
	uint32_t n;       /* the last one is the only EXIT, and all jumps lead forward */
};

/*
 * DPDK's instructions for a classic program: the same verdict on every frame, 0 or not 0. Before classic
 * instruction i stand pads[i] instructions that do nothing; `pads` may be NULL.
 *
 * Returns 0, and `out` is freed with filter_code_free(); -EINVAL with `*reason` when the program is
 * refused; -ENOMEM.
 */
int filter_translate(const struct bpf_insn *prog, unsigned int len, const uint8_t *pads,
		     struct filter_code *out, const char **reason);
void filter_code_free(struct filter_code *code);

/*
 * The size that DPDK's native code for x86-64 will have; 0 when making it would not end or not end
 * well, with `turns`, lent with room for `n`, set for those instructions whose jumps take turns; -1
 * without memory.
 */
int32_t filter_layout_settles(const struct ebpf_insn *ins, uint32_t n, uint8_t *turns);

/*
 * Does each jump of what DPDK made of `n` instructions of filter_translate() lead where it should? False
 * also without memory.
 */
bool filter_native_is_sound(const struct rte_bpf_jit *jit, const struct ebpf_insn *ins, uint32_t n);

/* The verdict of a classic program that filter_translate() did not refuse. */
bool filter_exec(const struct bpf_insn *prog, const struct weir_frame *f);

/* Translate and load: checked, and native unless `interpret`. 0, or -errno with `err` filled. */
int filter_load(struct program *p, const char *text, bool interpret, struct weir_err *err);

#endif
