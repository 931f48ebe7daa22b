/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does each jump of DPDK's native code go where the program says?
 *
 * DPDK makes x86-64 code in passes, in which jumps become short, and takes the layout for final when two
 * passes have the same size. One jump may have grown and another shrunk between them; then some go
 * astray, into the middle of an instruction or round in circles. That depends on sizes alone, is rare,
 * and shows only when it runs. So the code is walked along with the program: how many machine
 * instructions each of ours becomes is known (DPDK 22.11, lib/bpf/bpf_jit_x86.c), their lengths and
 * where the jumps lead are read from the bytes. What is not as expected is not used.
 *
 * Intel 64 Software Developer's Manual, volume 2, chapter 2 and appendix A.
 */
#include "filter_priv.h"

#include <stdlib.h>

#define MARGIN 16 /* an instruction is no longer than 15 bytes */

/* Where a jump must lead: to an instruction of the program, or inside a packet load. */
struct jump {
	uint32_t to;     /* native offset where it leads */
	uint32_t target; /* index in the program; or with `local` a native offset */
	bool local;
};

struct walk {
	const uint8_t *code; /* with MARGIN bytes of zeroes behind */
	uint32_t size;
	uint32_t at;
	uint32_t *start; /* native offset of each instruction of the program */
	struct jump *jumps;
	uint32_t n_jumps;
	bool ok;
};

static uint32_t modrm_length(const uint8_t *p)
{
	unsigned int mod = p[0] >> 6, rm = p[0] & 7;
	uint32_t sib = mod != 3 && rm == 4;

	switch (mod) {
	case 0:
		return rm == 5 ? 5 : 1 + sib;
	case 1:
		return 2 + sib;
	case 2:
		return 5 + sib;
	default:
		return 1;
	}
}

/* After 0x0f; 0: not known. */
static uint32_t length_0f(const uint8_t *p)
{
	if (p[0] >= 0x80 && p[0] <= 0x8f) /* Jcc rel32 */
		return 5;
	if (p[0] >= 0xc8 && p[0] <= 0xcf) /* BSWAP */
		return 1;
	if ((p[0] >= 0x40 && p[0] <= 0x4f) || p[0] == 0xb6 || p[0] == 0xb7) /* CMOVcc, MOVZX */
		return 1 + modrm_length(p + 1);
	return 0;
}

/* Of an instruction from its opcode on; 0: not one that DPDK makes. */
static uint32_t length_of(const uint8_t *p, bool wide)
{
	switch (p[0]) {
	case 0x01: /* ADD, OR, AND, SUB, XOR, CMP, TEST, XCHG, MOV, shifts, CALL */
	case 0x09:
	case 0x21:
	case 0x29:
	case 0x31:
	case 0x39:
	case 0x85:
	case 0x87:
	case 0x89:
	case 0x8b:
	case 0xd3:
	case 0xff:
		return 1 + modrm_length(p + 1);
	case 0x83: /* the same with a constant of one byte, or four */
	case 0xc1:
		return 2 + modrm_length(p + 1);
	case 0x81:
	case 0xc7:
		return 5 + modrm_length(p + 1);
	case 0xf7: /* MUL, DIV, NEG; TEST with a constant is not for us */
		return (p[1] >> 3 & 7) < 2 ? 0 : 1 + modrm_length(p + 1);
	case 0xe9:
		return 5;
	case 0xeb:
		return 2;
	case 0xc3:
		return 1;
	case 0x0f:
		return length_0f(p + 1) != 0 ? 1 + length_0f(p + 1) : 0;
	default:
		if (p[0] >= 0x70 && p[0] <= 0x7f) /* Jcc rel8 */
			return 2;
		return p[0] >= 0xb8 && p[0] <= 0xbf ? (wide ? 9 : 5) : 0;
	}
}

/* Past `n` machine instructions. */
static void pass(struct walk *w, unsigned int n)
{
	for (; n > 0 && w->ok; n--) {
		const uint8_t *p = w->code + w->at;
		bool wide = false;
		uint32_t len;

		if (*p == 0x66)
			p++;
		if ((*p & 0xf0) == 0x40)
			wide = *p++ & 8;
		len = length_of(p, wide);
		w->at = (uint32_t)(p - w->code) + len;
		w->ok = len > 0 && w->at <= w->size;
	}
}

/* Past a jump: where it leads is compared when all is known. */
static void pass_jump(struct walk *w, uint32_t target, bool local)
{
	const uint8_t *p = w->code + w->at;
	bool is_short = (p[0] & 0xf0) == 0x70 || p[0] == 0xeb;
	bool is_long = (p[0] == 0x0f && (p[1] & 0xf0) == 0x80) || p[0] == 0xe9;
	int32_t by;

	pass(w, 1);
	if (!w->ok || !(is_short || is_long)) {
		w->ok = false;
		return;
	}
	by = is_short ? (int8_t)w->code[w->at - 1] : (int32_t)weir_le32(w->code + w->at - 4);
	w->jumps[w->n_jumps++] = (struct jump){ w->at + (uint32_t)by, target, local };
}

/* The fast path, which jumps over the slow path, which ends the program when there is no such byte. */
static void pass_load(struct walk *w, const struct ebpf_insn *in, uint32_t last)
{
	uint32_t fast, over;

	pass(w, BPF_MODE(in->code) == BPF_IND ? 5 : 4);
	fast = w->n_jumps;
	pass_jump(w, 0, true);
	pass(w, 4);
	over = w->n_jumps;
	pass_jump(w, 0, true);
	if (!w->ok)
		return;
	w->jumps[fast].target = w->at;
	pass(w, 7);
	pass_jump(w, last, false);
	w->jumps[over].target = w->at;
	pass(w, BPF_SIZE(in->code) == BPF_B ? 1 : BPF_SIZE(in->code) == BPF_H ? 3 : 2);
}

static void pass_alu(struct walk *w, const struct ebpf_insn *in, uint32_t last)
{
	bool reg = BPF_SRC(in->code) == BPF_X, mod = BPF_OP(in->code) == BPF_MOD;

	switch (BPF_OP(in->code)) {
	case BPF_LSH:
	case BPF_RSH:
		pass(w, reg ? 3 : 1);
		return;
	case BPF_MUL:
		pass(w, 5);
		return;
	case BPF_DIV:
	case BPF_MOD:
		if (reg) {
			pass(w, 2);
			pass_jump(w, last, false);
		}
		pass(w, reg ? 4 + mod : 5 + mod);
		return;
	default:
		pass(w, 1);
	}
}

static void pass_one(struct walk *w, const struct ebpf_insn *in, uint32_t i, uint32_t last)
{
	switch (BPF_CLASS(in->code)) {
	case BPF_LD:
		pass_load(w, in, last);
		return;
	case BPF_ALU:
	case EBPF_ALU64:
		pass_alu(w, in, last);
		return;
	case BPF_JMP:
		if (BPF_OP(in->code) != BPF_JA)
			pass(w, 1); /* the comparison */
		pass_jump(w, i + 1 + (uint32_t)in->off, false);
		return;
	default: /* LDX, STX */
		pass(w, 1);
	}
}

/* What saves registers, up to our first instruction: mov %rdi, %rbx. */
static void pass_prologue(struct walk *w)
{
	static const uint8_t first[] = { 0x48, 0x89, 0xfb };

	while (w->ok && memcmp(w->code + w->at, first, sizeof(first)) != 0)
		pass(w, 1);
}

static bool walk_all(struct walk *w, const struct ebpf_insn *ins, uint32_t n)
{
	const uint32_t last = n - 1; /* the only EXIT */

	pass_prologue(w);
	for (uint32_t i = 0; i < last && w->ok; i++) {
		w->start[i] = w->at;
		pass_one(w, &ins[i], i, last);
	}
	w->start[last] = w->at;
	while (w->ok && w->at < w->size)
		pass(w, 1);
	if (!w->ok || w->code[w->size - 1] != 0xc3)
		return false;
	for (uint32_t i = 0; i < w->n_jumps; i++) {
		const struct jump *j = &w->jumps[i];

		if (j->to != (j->local ? j->target : w->start[j->target]))
			return false;
	}
	return true;
}

bool filter_native_is_sound(const struct rte_bpf_jit *jit, const struct ebpf_insn *ins, uint32_t n)
{
	uint8_t *code = calloc(1, jit->sz + MARGIN);
	struct walk w = { .code = code, .size = (uint32_t)jit->sz, .ok = true };
	bool ok = false;

	w.start = calloc(n, sizeof(*w.start));
	w.jumps = calloc((size_t)n * 3, sizeof(*w.jumps));
	if (code != NULL && w.start != NULL && w.jumps != NULL) {
		memcpy(code, (const void *)(uintptr_t)jit->func, jit->sz);
		ok = walk_all(&w, ins, n);
	}
	free(w.start);
	free(w.jumps);
	free(code);
	return ok;
}
