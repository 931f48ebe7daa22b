/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An interpreter of classic programs, for those that DPDK's verifier would not come to an end with.
 * What it needs to be sure of, translate.c has checked: instructions are known, jumps lead forward and
 * stay inside, M[] has that cell, no constant divides by 0 or shifts too far. Every load is checked
 * here. McCanne, Jacobson, "The BSD Packet Filter", 1993, section 3.3.
 */
#include "filter_priv.h"
#include "view.h"

struct machine {
	const struct weir_frame *f;
	uint32_t caplen; /* with the tag put back */
	uint32_t place;  /* of that tag, 0 = none */
	uint32_t a, x;
	uint32_t m[BPF_MEMWORDS];
	bool fails; /* a load past the end, a division by 0 */
};

static uint8_t byte_at(const struct machine *m, uint32_t at)
{
	const uint8_t tag[TAG_LEN] = { 0x81, 0, (uint8_t)(m->f->vlan_tci >> 8),
				       (uint8_t)m->f->vlan_tci };

	if (m->place == 0 || at < m->place)
		return m->f->data[at];
	return at < m->place + TAG_LEN ? tag[at - m->place] : m->f->data[at - TAG_LEN];
}

static uint32_t load(struct machine *m, uint64_t at, unsigned int bytes)
{
	uint32_t v = 0;

	if (at + bytes > m->caplen) {
		m->fails = true;
		return 0;
	}
	for (unsigned int i = 0; i < bytes; i++)
		v = v << 8 | byte_at(m, (uint32_t)at + i);
	return v;
}

static unsigned int bytes_of(const struct bpf_insn *in)
{
	return BPF_SIZE(in->code) == BPF_W ? 4 : BPF_SIZE(in->code) == BPF_H ? 2 : 1;
}

static uint32_t loaded(struct machine *m, const struct bpf_insn *in)
{
	switch (BPF_MODE(in->code)) {
	case BPF_IMM:
		return in->k;
	case BPF_LEN:
		return m->f->wirelen;
	case BPF_MEM:
		return m->m[in->k];
	case BPF_MSH:
		return (load(m, in->k, 1) & 15) << 2;
	case BPF_IND:
		return load(m, (uint64_t)m->x + in->k, bytes_of(in));
	default:
		return load(m, in->k, bytes_of(in));
	}
}

static uint32_t computed(struct machine *m, const struct bpf_insn *in)
{
	uint32_t by = BPF_SRC(in->code) == BPF_X ? m->x : in->k;

	switch (BPF_OP(in->code)) {
	case BPF_ADD:
		return m->a + by;
	case BPF_SUB:
		return m->a - by;
	case BPF_MUL:
		return m->a * by;
	case BPF_OR:
		return m->a | by;
	case BPF_AND:
		return m->a & by;
	case BPF_XOR:
		return m->a ^ by;
	case BPF_LSH:
		return by < 32 ? m->a << by : 0;
	case BPF_RSH:
		return by < 32 ? m->a >> by : 0;
	case BPF_NEG:
		return 0 - m->a;
	default:
		break;
	}
	if (by == 0) {
		m->fails = true;
		return 0;
	}
	return BPF_OP(in->code) == BPF_DIV ? m->a / by : m->a % by;
}

/* Instructions to skip. */
static uint32_t jump(const struct machine *m, const struct bpf_insn *in)
{
	uint32_t with = BPF_SRC(in->code) == BPF_X ? m->x : in->k;

	switch (BPF_OP(in->code)) {
	case BPF_JEQ:
		return m->a == with ? in->jt : in->jf;
	case BPF_JGT:
		return m->a > with ? in->jt : in->jf;
	case BPF_JGE:
		return m->a >= with ? in->jt : in->jf;
	case BPF_JSET:
		return m->a & with ? in->jt : in->jf;
	default:
		return in->k;
	}
}

static uint32_t step(struct machine *m, const struct bpf_insn *in)
{
	switch (BPF_CLASS(in->code)) {
	case BPF_LD:
		m->a = loaded(m, in);
		return 0;
	case BPF_LDX:
		m->x = loaded(m, in);
		return 0;
	case BPF_ST:
		m->m[in->k] = m->a;
		return 0;
	case BPF_STX:
		m->m[in->k] = m->x;
		return 0;
	case BPF_ALU:
		m->a = computed(m, in);
		return 0;
	case BPF_JMP:
		return jump(m, in);
	default: /* BPF_MISC */
		if (BPF_MISCOP(in->code) == BPF_TAX)
			m->x = m->a;
		else
			m->a = m->x;
		return 0;
	}
}

bool filter_exec(const struct bpf_insn *prog, const struct weir_frame *f)
{
	struct machine m = { .f = f, .caplen = f->caplen, .place = view_tag_place(f) };

	if (m.place != 0)
		m.caplen += TAG_LEN;
	for (; BPF_CLASS(prog->code) != BPF_RET; prog++) {
		prog += step(&m, prog);
		if (m.fails)
			return false;
	}
	return (BPF_RVAL(prog->code) == BPF_K ? prog->k : m.a) != 0;
}
