/* SPDX-License-Identifier: Apache-2.0 */
/* A classic program loaded into DPDK: laid out so that its native compiler ends, verified, compiled. */
#include "filter_priv.h"

#include <rte_errno.h>

#include <errno.h>
#include <stdlib.h>

#define TRIES     200
#define PADS_MAX  100 /* before one instruction */
#define PATHS_MAX 4096

static int refuse(struct weir_err *err, int rc, const char *text, const char *reason)
{
	return weir_pattern_refuse(err, -rc, text, rc == -ENOMEM ? "no memory" : reason);
}

/* Behind each jump that takes turns one more instruction that does nothing. False: nothing helps. */
static bool pads_add(uint8_t *pads, unsigned int len, const struct filter_code *code,
		     const uint8_t *turns)
{
	bool added = false;

	for (uint32_t i = 0; i < code->n; i++) {
		uint32_t next = code->origin[i] + 1;

		if (!turns[i] || next >= len || pads[next] == PADS_MAX)
			continue;
		pads[next]++;
		added = true;
	}
	return added;
}

/* 0; -EAGAIN: pads were added, or they do not help. */
static int settle(uint8_t *pads, unsigned int len, const struct filter_code *code, bool *helps)
{
	uint8_t *turns = calloc(code->n, 1);
	int32_t size = turns != NULL ? filter_layout_settles(code->ins, code->n, turns) : -1;

	if (size == 0)
		*helps = pads_add(pads, len, code, turns);
	free(turns);
	return size > 0 ? 0 : size == 0 ? -EAGAIN : -ENOMEM;
}

/* Code that DPDK's native compiler comes to an end with. */
static int code_make(const struct bpf_program *classic, struct filter_code *code,
		     const char **reason)
{
	uint8_t *pads = calloc(classic->bf_len, 1);
	bool helps = true;
	int rc = -EAGAIN;

	for (int i = 0; pads != NULL && rc == -EAGAIN && helps && i < TRIES; i++) {
		rc = filter_translate(classic->bf_insns, classic->bf_len, pads, code, reason);
		if (rc != 0)
			break;
		rc = settle(pads, classic->bf_len, code, &helps);
		if (rc != 0)
			filter_code_free(code);
	}
	if (rc == -EAGAIN) {
		*reason = "DPDK cannot compile it; write its terms in another order";
		rc = -EINVAL;
	}
	rc = pads != NULL ? rc : -ENOMEM;
	free(pads);
	return rc;
}

/* DPDK's verifier looks at every path before the program is used. */
static int code_load(struct program *p, const struct filter_code *code, bool interpret)
{
	const struct rte_bpf_prm prm = { .ins = code->ins,
					 .nb_ins = code->n,
					 .prog_arg = { .type = RTE_BPF_ARG_PTR_MBUF,
						       .size = sizeof(struct rte_mbuf) } };
	struct rte_bpf_jit jit;

	p->bpf = rte_bpf_load(&prm);
	if (p->bpf == NULL)
		return rte_errno == ENOMEM ? -ENOMEM : -EINVAL;
	if (!interpret && rte_bpf_get_jit(p->bpf, &jit) == 0 && jit.func != NULL &&
	    filter_native_is_sound(&jit, code->ins, code->n))
		p->native = jit.func;
	return 0;
}

/* Ways through a program, up to `most`. All jumps lead forward. 0 without memory. */
static uint32_t paths(const struct bpf_program *p, uint32_t most)
{
	uint32_t *n = calloc((size_t)p->bf_len + 1, sizeof(*n)), sum;

	if (n == NULL)
		return 0;
	for (uint32_t i = p->bf_len; i-- > 0;) {
		const struct bpf_insn *in = &p->bf_insns[i];

		if (BPF_CLASS(in->code) == BPF_RET)
			n[i] = 1;
		else if (BPF_CLASS(in->code) != BPF_JMP)
			n[i] = n[i + 1];
		else if (BPF_OP(in->code) == BPF_JA)
			n[i] = n[i + 1 + in->k];
		else
			n[i] = n[i + 1 + in->jt] + n[i + 1 + in->jf];
		n[i] = n[i] < most ? n[i] : most;
	}
	sum = n[0];
	free(n);
	return sum;
}

/*
 * DPDK's verifier goes every way through a program, but those on which all is known as on one before.
 * Where values are kept in M[] (headers of changing length: radiotap, Geneve) that is hardly ever so,
 * and it takes from seconds to years.
 */
static bool is_too_much(const struct bpf_program *p)
{
	bool keeps = false;

	for (uint32_t i = 0; i < p->bf_len; i++)
		keeps |= BPF_CLASS(p->bf_insns[i].code) == BPF_ST ||
			 BPF_CLASS(p->bf_insns[i].code) == BPF_STX;
	return keeps && paths(p, PATHS_MAX) == PATHS_MAX;
}

int filter_load(struct program *p, const char *text, bool interpret, struct weir_err *err)
{
	const char *reason = NULL;
	struct filter_code code;
	int rc = code_make(&p->classic, &code, &reason);

	if (rc != 0)
		return refuse(err, rc, text, reason);
	if (is_too_much(&p->classic)) {
		filter_code_free(&code);
		return 0;
	}
	rc = code_load(p, &code, interpret);
	filter_code_free(&code);
	return rc == 0 ? 0 : refuse(err, rc, text, "DPDK's verifier refuses it");
}
