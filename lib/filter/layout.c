/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Will DPDK's native compiler for x86-64 come to an end?
 *
 * It makes code in passes. A jump of at most some 120 bytes becomes short, by where its target was in
 * the pass before and where the jump itself is now; it ends when two passes have the same size. Two
 * jumps across each other, near that length, can take turns for ever: rte_bpf_load() then does not
 * return. So the passes are gone through here first, with the sizes of what DPDK 22.11 makes of our
 * instructions (lib/bpf/bpf_jit_x86.c); jumps that take turns are named, and get something put behind
 * them that makes them long for good. Whether the code came out as foreseen, native.c sees.
 */
#include "filter_priv.h"

#include <limits.h>
#include <stdlib.h>

#define PASSES_MAX 40
#define JCC_LONG   6
#define JMP_LONG   5
#define NEAR       2

/* What happens in a pass. */
struct pass {
	int32_t *off; /* of each instruction: in the pass before, and then in this one */
	int32_t exit_off;
	int32_t size;
	uint8_t *jump_len; /* of each instruction's jump, in the pass before */
	uint8_t *turns;    /* of each instruction: its jump changed in this pass */
	int32_t prologue, epilogue;
	int32_t stack;
};

static int32_t constant_size(int32_t v)
{
	return v == (int8_t)v ? 1 : 4;
}

static bool is_wide(const struct ebpf_insn *in)
{
	return BPF_CLASS(in->code) == EBPF_ALU64;
}

static bool is_high(unsigned int reg)
{
	return reg >= EBPF_REG_7 && reg <= EBPF_REG_9;
}

static int32_t alu_size(const struct ebpf_insn *in)
{
	bool reg = BPF_SRC(in->code) == BPF_X;
	int32_t rex = is_wide(in) || is_high(in->dst_reg) || (reg && is_high(in->src_reg));

	switch (BPF_OP(in->code)) {
	case EBPF_MOV:
		return reg ? 2 + rex : (in->imm == 0 ? 2 : 6) + rex;
	case BPF_LSH:
	case BPF_RSH:
		return reg ? 8 : 3;
	case BPF_NEG:
		return 2;
	case BPF_MUL:
		return reg || in->imm == 0 ? 14 : 18;
	case BPF_DIV:
		return reg ? 12 : 19; /* of a register: behind its jump */
	case BPF_MOD:
		return reg ? 15 : 22;
	default:
		return reg ? 2 + rex : 2 + rex + constant_size(in->imm);
	}
}

/* Up to the jump to the exit. */
static int32_t load_size(const struct ebpf_insn *in, int32_t stack)
{
	int32_t fast = (in->imm == 0 ? 3 : 7) + (BPF_MODE(in->code) == BPF_IND ? 3 : 0) + 5 + 3 +
		       4 + NEAR + 5 + 4 + 3 + 3 + NEAR;

	return fast + 7 + 3 + 3 + constant_size(stack) + 3 + 10 + 2 + 3;
}

/* Behind it. */
static int32_t load_rest(const struct ebpf_insn *in)
{
	switch (BPF_SIZE(in->code)) {
	case BPF_B:
		return 5;
	case BPF_H:
		return 5 + 4 + 3;
	default:
		return 3 + 2;
	}
}

static void jump(struct pass *p, uint32_t i, int32_t to, int32_t longest)
{
	int64_t by = (int64_t)to - p->size;
	bool near = by == (int8_t)by && by + longest == (int8_t)(by + longest);
	uint8_t len = (uint8_t)(near ? NEAR : longest);

	p->turns[i] = len != p->jump_len[i];
	p->jump_len[i] = len;
	p->size += len;
}

static void one(struct pass *p, const struct ebpf_insn *in, uint32_t i)
{
	switch (BPF_CLASS(in->code)) {
	case BPF_LD:
		p->size += load_size(in, p->stack);
		jump(p, i, p->exit_off, JCC_LONG);
		p->size += load_rest(in);
		return;
	case BPF_ALU:
	case EBPF_ALU64:
		if (BPF_SRC(in->code) == BPF_X &&
		    (BPF_OP(in->code) == BPF_DIV || BPF_OP(in->code) == BPF_MOD)) {
			p->size += 7;
			jump(p, i, p->exit_off, JCC_LONG);
		}
		p->size += alu_size(in);
		return;
	case BPF_JMP:
		if (BPF_OP(in->code) == BPF_JA) {
			jump(p, i, p->off[i + 1 + (uint32_t)in->off], JMP_LONG);
			return;
		}
		p->size += BPF_SRC(in->code) == BPF_X ? 3 : 3 + constant_size(in->imm);
		jump(p, i, p->off[i + 1 + (uint32_t)in->off], JCC_LONG);
		return;
	default: /* LDX, STX */
		p->size += 3 + (BPF_SIZE(in->code) == EBPF_DW || is_high(in->dst_reg));
	}
}

static void all(struct pass *p, const struct ebpf_insn *ins, uint32_t n, bool first)
{
	p->size = first ? 0 : p->prologue; /* registers in use are not known yet */
	for (uint32_t i = 0; i + 1 < n; i++) {
		p->off[i] = p->size;
		one(p, &ins[i], i);
	}
	p->off[n - 1] = p->exit_off = p->size;
	p->size += p->epilogue;
}

/* Registers that are saved: R6 and R7 always, R8 where it is used, the frame with loads or a stack. */
static void frame_sizes(struct pass *p, const struct ebpf_insn *ins, uint32_t n)
{
	bool loads = false, tmp = false;
	int32_t regs;

	for (uint32_t i = 0; i + 1 < n; i++) {
		unsigned int class = BPF_CLASS(ins[i].code);

		loads |= class == BPF_LD;
		tmp |= ins[i].dst_reg == EBPF_REG_8 || ins[i].src_reg == EBPF_REG_8;
		if ((class == BPF_LDX || class == BPF_STX) && BPF_SIZE(ins[i].code) == EBPF_DW &&
		    -ins[i].off > p->stack)
			p->stack = -ins[i].off;
	}
	regs = 2 + tmp + (loads || p->stack > 0);
	if (loads || p->stack > 0) {
		p->stack += loads ? (int32_t)sizeof(uint64_t) : 0;
		p->prologue = 3 + 3 + constant_size(p->stack);
		p->epilogue = 3;
	}
	p->prologue += 4 + 5 * regs;
	p->epilogue += 5 * regs + 4 + 1;
}

static bool settles(struct pass *p, const struct ebpf_insn *ins, uint32_t n)
{
	int32_t before;

	p->exit_off = INT_MAX;
	for (uint32_t i = 0; i < n; i++)
		p->off[i] = INT_MAX;
	for (int i = 0; i < PASSES_MAX; i++) {
		before = p->size;
		all(p, ins, n, i == 0);
		if (i > 0 && before == p->size)
			break;
	}
	all(p, ins, n, false); /* the code itself: as in the pass before? */
	for (uint32_t i = 0; i < n; i++) {
		if (p->turns[i])
			return false;
	}
	return true;
}

int32_t filter_layout_settles(const struct ebpf_insn *ins, uint32_t n, uint8_t *turns)
{
	struct pass p = { .turns = turns };
	int32_t size = -1;

	memset(turns, 0, n);
	p.off = calloc(n, sizeof(*p.off));
	p.jump_len = calloc(n, sizeof(*p.jump_len));
	if (p.off != NULL && p.jump_len != NULL) {
		frame_sizes(&p, ins, n);
		size = settles(&p, ins, n) ? p.size : 0;
	}
	free(p.off);
	free(p.jump_len);
	return size;
}
