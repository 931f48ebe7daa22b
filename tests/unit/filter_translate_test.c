/* SPDX-License-Identifier: Apache-2.0 */
/* Classic programs of random instructions: DPDK's verdict, native and interpreted, is libpcap's. */
#include "filter_test.h"

#include <errno.h>
#include <filter_priv.h>
#include <view.h>

#define PROGRAMS_TRIED 20000
#define BODY_MAX       24
#define FRAMES         6

static uint32_t constant(void)
{
	static const uint32_t edges[] = { 0,          1,          31,         0x7f,
					  0xff,       0xffff,     0x10000,    0x7fffffff,
					  0x80000000, 0x80000001, 0xfffffffe, 0xffffffff,
					  0x0a000001, 0xc0a80001 };
	uint32_t r = random_u32();

	return r & 1 ? edges[r / 2 % WEIR_ARRAY_SIZE(edges)] : random_u32() >> r / 2 % 32;
}

static uint32_t offset(void)
{
	uint32_t r = random_u32();

	return r % 64 == 0 ? constant() & INT32_MAX : r / 64 % 70;
}

static struct bpf_insn random_load(void)
{
	static const uint16_t sizes[] = { BPF_W, BPF_H, BPF_B };
	uint16_t size = sizes[random_u32() % 3];

	switch (random_u32() % 9) {
	case 0:
		return (struct bpf_insn){ BPF_LD | BPF_IMM, 0, 0, constant() };
	case 1:
		return (struct bpf_insn){ BPF_LDX | BPF_IMM, 0, 0, constant() % 80 };
	case 2:
		return (struct bpf_insn){ BPF_LD | BPF_W | BPF_LEN, 0, 0, 0 };
	case 3:
		return (struct bpf_insn){ BPF_LDX | BPF_W | BPF_LEN, 0, 0, 0 };
	case 4:
		return (struct bpf_insn){ BPF_LD | BPF_MEM, 0, 0, random_u32() % BPF_MEMWORDS };
	case 5:
		return (struct bpf_insn){ BPF_LDX | BPF_MEM, 0, 0, random_u32() % BPF_MEMWORDS };
	case 6:
		return (struct bpf_insn){ BPF_LDX | BPF_B | BPF_MSH, 0, 0, offset() };
	case 7:
		return (struct bpf_insn){ BPF_LD | size | BPF_IND, 0, 0, offset() / 2 };
	default:
		return (struct bpf_insn){ BPF_LD | size | BPF_ABS, 0, 0, offset() };
	}
}

static struct bpf_insn random_alu(void)
{
	static const uint16_t ops[] = { BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_MOD, BPF_OR,
					BPF_AND, BPF_XOR, BPF_LSH, BPF_RSH, BPF_NEG };
	uint16_t op = ops[random_u32() % WEIR_ARRAY_SIZE(ops)];
	uint32_t k = constant();

	if (op == BPF_NEG)
		return (struct bpf_insn){ BPF_ALU | BPF_NEG, 0, 0, 0 };
	if (random_u32() & 1)
		return (struct bpf_insn){ BPF_ALU | op | BPF_X, 0, 0, 0 };
	if (op == BPF_LSH || op == BPF_RSH)
		k %= 32;
	if ((op == BPF_DIV || op == BPF_MOD) && k == 0)
		k = 3;
	return (struct bpf_insn){ BPF_ALU | op | BPF_K, 0, 0, k };
}

/* One side goes on, so that every instruction is reached. */
static struct bpf_insn random_branch(uint32_t left)
{
	static const uint16_t ops[] = { BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET };
	uint16_t code = BPF_JMP | ops[random_u32() % 4] | (random_u32() & 1 ? BPF_X : BPF_K);
	uint8_t far = (uint8_t)(random_u32() % left);
	bool yes = random_u32() & 1;

	return (struct bpf_insn){ code, yes ? far : 0, yes ? 0 : far, constant() };
}

static struct bpf_insn random_insn(uint32_t left)
{
	switch (random_u32() % 8) {
	case 0:
		return random_branch(left);
	case 1:
		return (struct bpf_insn){ BPF_MISC | (random_u32() & 1 ? BPF_TAX : BPF_TXA), 0, 0,
					  0 };
	case 2:
		return (struct bpf_insn){ random_u32() & 1 ? BPF_ST : BPF_STX, 0, 0,
					  random_u32() % BPF_MEMWORDS };
	case 3:
	case 4:
		return random_alu();
	default:
		return random_load();
	}
}

/* All of M[] is written first: what it holds before is not said anywhere. */
static uint32_t random_program(struct bpf_insn *prog)
{
	uint32_t n = 0, body = 1 + random_u32() % BODY_MAX;

	prog[n++] = (struct bpf_insn){ BPF_LD | BPF_IMM, 0, 0, constant() };
	for (uint32_t k = 0; k < BPF_MEMWORDS; k++)
		prog[n++] = (struct bpf_insn){ BPF_ST, 0, 0, k };
	for (uint32_t i = 0; i < body; i++)
		prog[n++] = random_insn(body - i);
	prog[n++] = (struct bpf_insn){ BPF_ALU | BPF_AND | BPF_K, 0, 0, 1u << random_u32() % 8 };
	prog[n++] = (struct bpf_insn){ BPF_RET | BPF_A, 0, 0, 0 };
	return n;
}

static struct program loaded(struct bpf_insn *prog, uint32_t len)
{
	struct program p = { .classic = { len, prog } };

	filter_load(&p, "", false, NULL);
	return p;
}

static bool agree(const struct program *p, const struct bpf_insn *prog)
{
	uint8_t bytes[80];

	for (int i = 0; i < FRAMES; i++) {
		uint32_t len = random_u32() % sizeof(bytes);
		struct weir_frame f = { .caplen = len, .wirelen = len + random_u32() % 3 * 700 };
		struct view v;
		bool want;

		for (uint32_t j = 0; j < len; j++)
			bytes[j] = (uint8_t)random_u32();
		f.data = guarded(bytes, len);
		want = bpf_filter(prog, f.data, f.wirelen, f.caplen) != 0;
		if (filter_exec(prog, &f) != want)
			return false;
		if ((rte_bpf_exec(p->bpf, view_of(&v, &f)) != 0) != want)
			return false;
		if (p->native != NULL && (p->native(view_of(&v, &f)) != 0) != want)
			return false;
	}
	return true;
}

static void print(const struct bpf_insn *prog, uint32_t len)
{
	struct bpf_program p = { len, (struct bpf_insn *)(uintptr_t)prog };

	bpf_dump(&p, 1);
}

/* The verifier refuses what divides by a constant 0 in a register, and what is far out of any frame. */
static void test_random_programs_decide_as_libpcap_does(void)
{
	struct bpf_insn prog[BODY_MAX + BPF_MEMWORDS + 3];
	unsigned int refused = 0, interpreted = 0;

	for (int i = 0; i < PROGRAMS_TRIED; i++) {
		uint32_t len = random_program(prog);
		struct program p = loaded(prog, len);

		if (p.bpf == NULL) {
			refused++;
			continue;
		}
		interpreted += p.native == NULL;
		if (!agree(&p, prog)) {
			print(prog, len);
			CU_FAIL_FATAL("another verdict");
		}
		rte_bpf_destroy(p.bpf);
	}
	printf("%u refused, %u interpreted, of %u\n", refused, interpreted, PROGRAMS_TRIED);
	CU_ASSERT(refused < PROGRAMS_TRIED / 10);
#ifdef __x86_64__
	CU_ASSERT_EQUAL(interpreted, 0);
#endif
}

static const char *refusal(struct bpf_insn in)
{
	const struct bpf_insn prog[] = { in, { BPF_RET | BPF_K, 0, 0, 1 } };
	struct filter_code code;
	const char *reason = NULL;

	CU_ASSERT_EQUAL(filter_translate(prog, 2, NULL, &code, &reason), -EINVAL);
	return reason != NULL ? reason : "";
}

static void test_what_is_no_classic_program_is_refused(void)
{
	static const struct {
		struct bpf_insn in;
		const char *says;
	} rows[] = {
		{ { BPF_JMP | BPF_JA, 0, 0, UINT32_MAX }, "loop" }, /* to itself */
		{ { BPF_JMP | BPF_JA, 0, 0, 1 }, "loop" },          /* past the end */
		{ { BPF_JMP | BPF_JEQ, 0, 1, 0 }, "not known" },
		{ { BPF_JMP | 0x50, 0, 0, 0 }, "not known" },
		{ { BPF_LD | BPF_W | BPF_ABS, 0, 0, 0xfffff000 }, "no packet has" },
		{ { BPF_LD | BPF_W | BPF_IND, 0, 0, 0x80000000 }, "no packet has" },
		{ { BPF_LDX | BPF_B | BPF_MSH, 0, 0, 0xffffffff }, "no packet has" },
		{ { BPF_LD | BPF_MEM, 0, 0, BPF_MEMWORDS }, "intermediate" },
		{ { BPF_ST, 0, 0, BPF_MEMWORDS }, "intermediate" },
		{ { BPF_ALU | BPF_DIV | BPF_K, 0, 0, 0 }, "divides by 0" },
		{ { BPF_ALU | BPF_MOD | BPF_K, 0, 0, 0 }, "divides by 0" },
		{ { BPF_ALU | BPF_LSH | BPF_K, 0, 0, 32 }, "shifts" },
		{ { BPF_ALU | 0xb0, 0, 0, 0 }, "not known" },
		{ { BPF_MISC | 0x40, 0, 0, 0 }, "not known" },
		{ { BPF_LDX | BPF_W | BPF_ABS, 0, 0, 0 }, "not known" },
		{ { BPF_LD | 0x18, 0, 0, 0 }, "not known" },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rows); i++) {
		CU_ASSERT_PTR_NOT_NULL(strstr(refusal(rows[i].in), rows[i].says));
		if (strstr(refusal(rows[i].in), rows[i].says) == NULL)
			printf("row %zu: %s\n", i, refusal(rows[i].in));
	}
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "random programs decide as libpcap does",
		  test_random_programs_decide_as_libpcap_does },
		{ "what is no classic program is refused",
		  test_what_is_no_classic_program_is_refused },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("filter/translate", tests);
}
