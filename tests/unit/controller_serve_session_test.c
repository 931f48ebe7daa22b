/* SPDX-License-Identifier: Apache-2.0 */
/* When what was pushed is what an agent holds: never before an older answer to its Sync can have arrived. */
#include "weir_test.h"

#include <serve_priv.h>

/* Only what a session needs of the site. */
void site_agent_session(struct site *s, const struct site_agent *a, void *session)
{
	(void)s;
	(void)a;
	(void)session;
}

static struct serve_session se;

static void begin(void)
{
	memset(&se, 0, sizeof(se));
	TAILQ_INIT(&se.pushes);
}

static void sync(uint64_t held, uint64_t answered)
{
	const struct serve_hello h = { .held.platform = held };
	const struct serve_answer a = { .tables = true, .versions.platform = answered };

	serve_session_synced(&se, &h, &a);
}

static void push(uint64_t held)
{
	const struct serve_hello h = { .held.platform = held };

	serve_session_pushes(&se, &h, false);
}

/* As if it had been so long ago. */
static void later(uint64_t ns)
{
	se.answered_ns -= ns;
}

static void test_who_holds_nothing_is_not_settled(void)
{
	begin();
	push(0);
	CU_ASSERT_FALSE(serve_session_is_settled(&se));
	sync(0, 7);
	later(60 * WEIR_NS_PER_S);
	CU_ASSERT_FALSE(serve_session_is_settled(&se));
}

static void test_who_was_sent_a_table_is_settled_when_it_says_that_it_holds_it(void)
{
	begin();
	sync(0, 7);
	push(6);
	CU_ASSERT_FALSE(serve_session_is_settled(&se));
	push(7);
	CU_ASSERT_TRUE(serve_session_is_settled(&se));
}

static void test_an_answer_without_a_table_may_be_on_its_way_for_seconds(void)
{
	begin();
	sync(7, 7);
	CU_ASSERT_FALSE(serve_session_is_settled(&se));
	later(6 * WEIR_NS_PER_S);
	CU_ASSERT_TRUE(serve_session_is_settled(&se));
	sync(7, 8);
	later(60 * WEIR_NS_PER_S);
	CU_ASSERT_FALSE(serve_session_is_settled(&se));
}

static void test_for_a_second_an_answer_is_on_its_way_unless_the_agent_says_it_came(void)
{
	begin();
	CU_ASSERT_FALSE(serve_session_is_answered_now(&se));
	sync(7, 8);
	CU_ASSERT_TRUE(serve_session_is_answered_now(&se));
	push(8);
	CU_ASSERT_FALSE(serve_session_is_answered_now(&se));
	sync(8, 8);
	later(WEIR_NS_PER_S);
	CU_ASSERT_FALSE(serve_session_is_answered_now(&se));
}

static void test_a_sync_takes_away_the_trust_in_what_was_pushed(void)
{
	struct push p = { .trusted = true };

	begin();
	TAILQ_INSERT_HEAD(&se.pushes, &p, entry);
	sync(7, 7);
	CU_ASSERT_FALSE(p.trusted);
}

static void test_who_was_sent_another_table_may_hold_either(void)
{
	begin();
	sync(7, 8);
	CU_ASSERT_EQUAL(se.held.platform, 0);
	push(7); /* it was said before that answer came */
	CU_ASSERT_EQUAL(se.held.platform, 0);
	push(8);
	CU_ASSERT_EQUAL(se.held.platform, 8);
	sync(8, 8);
	CU_ASSERT_EQUAL(se.held.platform, 8);
	sync(8, 9);
	later(6 * WEIR_NS_PER_S);
	push(8); /* that answer was lost */
	CU_ASSERT_EQUAL(se.held.platform, 8);
}

static void test_a_partial_answer_settles_nothing(void)
{
	const struct serve_hello h = { .held.platform = 7 };
	const struct serve_answer a = { .tables = true, .partial = true, .versions.platform = 7 };

	begin();
	serve_session_synced(&se, &h, &a);
	later(60 * WEIR_NS_PER_S);
	CU_ASSERT_FALSE(serve_session_is_settled(&se));
}

int main(void)
{
	static CU_TestInfo tests[] = {
		{ "who holds nothing is not settled", test_who_holds_nothing_is_not_settled },
		{ "who was sent a table is settled when it says that it holds it",
		  test_who_was_sent_a_table_is_settled_when_it_says_that_it_holds_it },
		{ "an answer without a table may be on its way for seconds",
		  test_an_answer_without_a_table_may_be_on_its_way_for_seconds },
		{ "for a second an answer is on its way, unless the agent says it came",
		  test_for_a_second_an_answer_is_on_its_way_unless_the_agent_says_it_came },
		{ "a Sync takes away the trust in what was pushed",
		  test_a_sync_takes_away_the_trust_in_what_was_pushed },
		{ "who was sent another table may hold either",
		  test_who_was_sent_another_table_may_hold_either },
		{ "a partial answer settles nothing", test_a_partial_answer_settles_nothing },
		CU_TEST_INFO_NULL,
	};

	return weir_test_main("controller/serve/session", tests);
}
