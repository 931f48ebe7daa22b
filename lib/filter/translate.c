/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Classic BPF to the eBPF that DPDK loads, instruction by instruction. What each classic instruction
 * does: McCanne, Jacobson, "The BSD Packet Filter", 1993, section 3.3, and libpcap's bpf_filter().
 *
 * rte_bpf_convert() does nearly this. It takes `len` from pkt_len, which its own loads take for the
 * bytes that are there: a frame cut short would be read past its end. Its loads at a computed offset
 * wrap around at 32 bits. And it needs an EAL. Here
 *
 * - `len` has a field of its own (VIEW_WIRELEN), and pkt_len is what was captured;
 * - an offset is compared with the longest frame there can be before it is used, so that offset and
 *   size never wrap; constant ones beyond that are made one that no frame has;
 * - a division by a register that is 0 ends with no match before DPDK sees it and logs it, and a shift
 *   by a register of 32 or more gives 0, as in libpcap.
 *
 * There is one EXIT, the last instruction, and every jump leads forward: see native.c.
 *
 * A is R0, which DPDK's packet loads write; X is R7, R8 is for us; R6 holds the frame, as those loads
 * demand. All of them hold 32 bits, extended with zeroes. M[] lies on the stack, 8 bytes each, as the
 * verifier keeps track of it.
 */
#include "filter_priv.h"

#include <errno.h>
#include <stdlib.h>

#define A              EBPF_REG_0
#define X              EBPF_REG_7
#define TMP            EBPF_REG_8
#define FRAME          EBPF_REG_6
#define STACK          EBPF_REG_10
#define NOWHERE        0x7fff0000 /* an offset no frame has; adding a size does not wrap */
#define OFFSET_MAX     (WEIR_FRAME_MAX + 4) /* with a tag put back */
#define EXPANSION      6                    /* most instructions made of one */
#define EXTRA          (5 + BPF_MEMWORDS)   /* before and after all of them */
#define TARGET_NONE    UINT32_MAX
#define TARGET_EXIT(o) ((o)->len + 1)

static const char too_far[] = "it looks at an offset that no packet has";
static const char unknown[] = "it holds an instruction that is not known";

struct out {
	struct ebpf_insn *ins;
	uint32_t *origin;
	uint32_t *target; /* of each instruction: the classic one it jumps to, or TARGET_NONE */
	uint32_t *
		start; /* of each classic instruction, of no match and of the exit: its first one */
	uint32_t n;
	uint32_t at;  /* classic instruction being translated */
	uint32_t len; /* classic instructions; as a target: no match */
	bool fails;   /* somebody jumps there */
	const char *reason;
};

static void put_to(struct out *o, unsigned int code, unsigned int dst, unsigned int src,
		   uint32_t imm, uint32_t target)
{
	o->target[o->n] = target;
	o->origin[o->n] = o->at;
	o->ins[o->n++] = (struct ebpf_insn){ .code = (uint8_t)code,
					     .dst_reg = (uint8_t)(dst & 15),
					     .src_reg = (uint8_t)(src & 15),
					     .imm = (int32_t)imm };
}

static void put(struct out *o, unsigned int code, unsigned int dst, unsigned int src, uint32_t imm)
{
	put_to(o, code, dst, src, imm, TARGET_NONE);
}

/* Over the next `skip` instructions. */
static void put_skip(struct out *o, unsigned int code, unsigned int dst, uint32_t imm, int16_t skip)
{
	put(o, code, dst, 0, imm);
	o->ins[o->n - 1].off = skip;
}

static void put_fail_if(struct out *o, unsigned int code, unsigned int dst, uint32_t imm)
{
	put_to(o, code, dst, 0, imm, o->len);
	o->fails = true;
}

static void put_at(struct out *o, unsigned int code, unsigned int dst, unsigned int src, size_t off)
{
	put(o, code, dst, src, 0);
	o->ins[o->n - 1].off = (int16_t)off;
}

static void move(struct out *o, unsigned int dst, unsigned int src)
{
	put(o, EBPF_ALU64 | EBPF_MOV | BPF_X, dst, src, 0);
}

static void set(struct out *o, unsigned int dst, uint32_t value)
{
	put(o, BPF_ALU | EBPF_MOV | BPF_K, dst, 0, value);
}

static bool refuse(struct out *o, const char *reason)
{
	o->reason = reason;
	return false;
}

static uint32_t reachable(uint32_t k)
{
	return k <= OFFSET_MAX ? k : NOWHERE;
}

/* A = bytes at k. The kernel takes the upper half of the offsets for something else. */
static bool load_abs(struct out *o, const struct bpf_insn *in)
{
	if (in->k > INT32_MAX)
		return refuse(o, too_far);
	put(o, in->code, 0, 0, reachable(in->k));
	return true;
}

/* A = bytes at X + k, a sum of 33 bits. */
static bool load_ind(struct out *o, const struct bpf_insn *in)
{
	if (in->k > INT32_MAX)
		return refuse(o, too_far);
	move(o, TMP, X);
	put(o, EBPF_ALU64 | BPF_ADD, TMP, 0, reachable(in->k)); /* BPF_K, which is 0 */
	put_fail_if(o, BPF_JMP | BPF_JGT | BPF_K, TMP, OFFSET_MAX);
	put(o, in->code, 0, TMP, 0);
	return true;
}

/* X = 4 * (byte at k & 15), the length of an IP header. */
static bool load_msh(struct out *o, const struct bpf_insn *in)
{
	if (in->k > INT32_MAX)
		return refuse(o, too_far);
	move(o, TMP, A);
	put(o, BPF_LD | BPF_ABS | BPF_B, 0, 0, reachable(in->k));
	put(o, BPF_ALU | BPF_AND | BPF_K, A, 0, 15);
	put(o, BPF_ALU | BPF_LSH | BPF_K, A, 0, 2);
	move(o, X, A);
	move(o, A, TMP);
	return true;
}

static size_t slot(uint32_t k)
{
	return (size_t)0 - (k + 1) * sizeof(uint64_t);
}

static bool load(struct out *o, const struct bpf_insn *in)
{
	unsigned int to = BPF_CLASS(in->code) == BPF_LD ? A : X;

	switch (in->code & ~BPF_CLASS(0xff)) {
	case BPF_W | BPF_IMM:
		set(o, to, in->k);
		return true;
	case BPF_W | BPF_LEN:
		put_at(o, BPF_LDX | BPF_MEM | BPF_W, to, FRAME,
		       offsetof(struct rte_mbuf, VIEW_WIRELEN));
		return true;
	case BPF_W | BPF_MEM:
		if (in->k >= BPF_MEMWORDS)
			return refuse(o, "it has too many intermediate values");
		put_at(o, BPF_LDX | BPF_MEM | EBPF_DW, to, STACK, slot(in->k));
		return true;
	case BPF_B | BPF_MSH:
		return to == X ? load_msh(o, in) : refuse(o, unknown);
	case BPF_W | BPF_ABS:
	case BPF_H | BPF_ABS:
	case BPF_B | BPF_ABS:
		return to == A ? load_abs(o, in) : refuse(o, unknown);
	case BPF_W | BPF_IND:
	case BPF_H | BPF_IND:
	case BPF_B | BPF_IND:
		return to == A ? load_ind(o, in) : refuse(o, unknown);
	default:
		return refuse(o, unknown);
	}
}

static bool store(struct out *o, const struct bpf_insn *in)
{
	if (in->k >= BPF_MEMWORDS)
		return refuse(o, "it has too many intermediate values");
	put_at(o, BPF_STX | BPF_MEM | EBPF_DW, STACK, BPF_CLASS(in->code) == BPF_ST ? A : X,
	       slot(in->k));
	return true;
}

static bool shift(struct out *o, const struct bpf_insn *in)
{
	if (BPF_SRC(in->code) == BPF_K) {
		if (in->k >= 32)
			return refuse(o, "it shifts by 32 bits or more");
		put(o, in->code, A, 0, in->k);
		return true;
	}
	put_skip(o, BPF_JMP | EBPF_JLT | BPF_K, X, 32, 2);
	set(o, A, 0);
	put_skip(o, BPF_JMP | BPF_JA, 0, 0, 1);
	put(o, in->code, A, X, 0);
	return true;
}

static bool divide(struct out *o, const struct bpf_insn *in)
{
	if (BPF_SRC(in->code) == BPF_K) {
		if (in->k == 0)
			return refuse(o, "it divides by 0");
		put(o, in->code, A, 0, in->k);
		return true;
	}
	put_fail_if(o, BPF_JMP | BPF_JEQ | BPF_K, X, 0);
	put(o, in->code, A, X, 0);
	return true;
}

static bool alu(struct out *o, const struct bpf_insn *in)
{
	switch (BPF_OP(in->code)) {
	case BPF_ADD:
	case BPF_SUB:
	case BPF_MUL:
	case BPF_OR:
	case BPF_AND:
	case BPF_XOR:
		put(o, in->code, A, BPF_SRC(in->code) == BPF_X ? X : 0, in->k);
		return true;
	case BPF_NEG:
		put(o, BPF_ALU | BPF_NEG, A, 0, 0);
		return true;
	case BPF_LSH:
	case BPF_RSH:
		return shift(o, in);
	case BPF_DIV:
	case BPF_MOD:
		return divide(o, in);
	default:
		return refuse(o, unknown);
	}
}

/* The opposite test, or 0: there is none for JSET. */
static unsigned int opposite(unsigned int op)
{
	switch (op) {
	case BPF_JEQ:
		return EBPF_JNE;
	case BPF_JGT:
		return EBPF_JLE;
	case BPF_JGE:
		return EBPF_JLT;
	default:
		return 0;
	}
}

static void branch(struct out *o, const struct bpf_insn *in)
{
	const uint32_t next = o->at + 1, yes = next + in->jt, no = next + in->jf;
	unsigned int op = BPF_OP(in->code), src = BPF_SRC(in->code);
	unsigned int reg = src == BPF_X ? X : 0;

	/*
	 * DPDK extends constants by their sign; and its native code for JSET with a constant below 128
	 * is broken on x86-64: TEST has no form with one byte, and one is written.
	 */
	if (src == BPF_K && (in->k > INT32_MAX || op == BPF_JSET)) {
		set(o, TMP, in->k);
		src = BPF_X;
		reg = TMP;
	}
	if (in->jt == in->jf) {
		put_to(o, BPF_JMP | BPF_JA, 0, 0, 0, yes);
	} else if (in->jt == 0 && opposite(op) != 0) {
		put_to(o, BPF_JMP | opposite(op) | src, A, reg, src == BPF_X ? 0 : in->k, no);
	} else {
		put_to(o, BPF_JMP | op | src, A, reg, src == BPF_X ? 0 : in->k, yes);
		if (in->jf != 0)
			put_to(o, BPF_JMP | BPF_JA, 0, 0, 0, no);
	}
}

static bool jump(struct out *o, const struct bpf_insn *in)
{
	const uint32_t left = o->len - o->at - 1; /* instructions that come after this one */

	switch (BPF_OP(in->code)) {
	case BPF_JA:
		if (in->k >= left)
			return refuse(o, "it needs a loop");
		put_to(o, BPF_JMP | BPF_JA, 0, 0, 0, o->at + 1 + in->k);
		return true;
	case BPF_JEQ:
	case BPF_JGT:
	case BPF_JGE:
	case BPF_JSET:
		if (in->jt >= left || in->jf >= left)
			return refuse(o, unknown);
		branch(o, in);
		return true;
	default:
		return refuse(o, unknown);
	}
}

static bool ret(struct out *o, const struct bpf_insn *in)
{
	if (BPF_RVAL(in->code) == BPF_K)
		set(o, A, in->k != 0);
	else if (BPF_RVAL(in->code) != BPF_A)
		return refuse(o, unknown);
	put_to(o, BPF_JMP | BPF_JA, 0, 0, 0, TARGET_EXIT(o));
	return true;
}

static bool misc(struct out *o, const struct bpf_insn *in)
{
	if (BPF_MISCOP(in->code) == BPF_TAX)
		move(o, X, A);
	else if (BPF_MISCOP(in->code) == BPF_TXA)
		move(o, A, X);
	else
		return refuse(o, unknown);
	return true;
}

static bool one(struct out *o, const struct bpf_insn *in)
{
	switch (BPF_CLASS(in->code)) {
	case BPF_LD:
	case BPF_LDX:
		return load(o, in);
	case BPF_ST:
	case BPF_STX:
		return store(o, in);
	case BPF_ALU:
		return alu(o, in);
	case BPF_JMP:
		return jump(o, in);
	case BPF_RET:
		return ret(o, in);
	default:
		return misc(o, in);
	}
}

static void resolve(struct out *o)
{
	for (uint32_t i = 0; i < o->n; i++) {
		if (o->target[i] != TARGET_NONE)
			o->ins[i].off = (int16_t)(o->start[o->target[i]] - i - 1);
	}
}

/* libpcap reads cells that it has not written, where the value makes no difference. */
static void clear_cells(struct out *o, const struct bpf_insn *prog)
{
	uint32_t cells = 0;

	for (uint32_t i = 0; i < o->len; i++) {
		unsigned int class = BPF_CLASS(prog[i].code);

		if ((class == BPF_LD || class == BPF_LDX) && BPF_MODE(prog[i].code) == BPF_MEM)
			cells |= 1u << prog[i].k % BPF_MEMWORDS;
	}
	for (uint32_t k = 0; k < BPF_MEMWORDS; k++) {
		if (cells & 1u << k)
			put_at(o, BPF_STX | BPF_MEM | EBPF_DW, STACK, A, slot(k));
	}
}

/* Every classic instruction may start with any TMP. */
static void pad(struct out *o, unsigned int n)
{
	for (; n > 0; n--)
		set(o, TMP, 1);
}

static bool all(struct out *o, const struct bpf_insn *prog, const uint8_t *pads)
{
	move(o, FRAME, EBPF_REG_1);
	set(o, A, 0);
	set(o, X, 0);
	clear_cells(o, prog);
	for (o->at = 0; o->at < o->len; o->at++) {
		o->start[o->at] = o->n;
		pad(o, pads != NULL ? pads[o->at] : 0);
		if (!one(o, &prog[o->at]))
			return false;
	}
	o->start[o->len] = o->n;
	if (o->fails) /* the verifier takes nothing that is never reached */
		set(o, A, 0);
	o->start[TARGET_EXIT(o)] = o->n;
	put(o, BPF_JMP | EBPF_EXIT, 0, 0, 0);
	resolve(o);
	return true;
}

/* Instructions there will be at most. */
static size_t most(unsigned int len, const uint8_t *pads)
{
	size_t n = (size_t)len * EXPANSION + EXTRA;

	for (unsigned int i = 0; pads != NULL && i < len; i++)
		n += pads[i];
	return n;
}

static int translate(struct out *o, const struct bpf_insn *prog, const uint8_t *pads)
{
	const size_t n = most(o->len, pads);

	o->ins = calloc(n, sizeof(*o->ins));
	o->origin = calloc(n, sizeof(*o->origin));
	o->target = calloc(n, sizeof(*o->target));
	o->start = calloc((size_t)o->len + 2, sizeof(*o->start));
	if (o->ins == NULL || o->origin == NULL || o->target == NULL || o->start == NULL)
		return -ENOMEM;
	if (!all(o, prog, pads))
		return -EINVAL;
	if (o->n > INT16_MAX) {
		o->reason = "it makes too many instructions";
		return -EINVAL;
	}
	return 0;
}

int filter_translate(const struct bpf_insn *prog, unsigned int len, const uint8_t *pads,
		     struct filter_code *out, const char **reason)
{
	struct out o = { .len = len };
	int rc = translate(&o, prog, pads);

	free(o.target);
	free(o.start);
	*out = (struct filter_code){ o.ins, o.origin, o.n };
	*reason = o.reason;
	if (rc != 0)
		filter_code_free(out);
	return rc;
}

void filter_code_free(struct filter_code *code)
{
	free(code->ins);
	free(code->origin);
	*code = (struct filter_code){ 0 };
}
