/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of ACLs, each different one once. */
#include "policy_priv.h"

#include <errno.h>
#include <stdlib.h>

/* Words before a set's own: its bits of words, and 32-bit counts. */
static uint32_t head_words(const struct arena *a)
{
	return a->summary + (a->summary + 1) / 2;
}

int weir_policy_arena_init(struct arena *a, size_t bits, size_t max_bytes)
{
	const size_t words = bits / 64 + 1;
	set_t empty;

	memset(a, 0, sizeof(*a));
	a->summary = (uint32_t)(words / 64 + 1);
	a->max = weir_min_u64(max_bytes / sizeof(*a->words), UINT32_MAX);
	a->scratch = calloc(words, sizeof(*a->scratch));
	a->scratch_has = calloc(a->summary, sizeof(*a->scratch_has));
	a->places = 1024;
	a->place = calloc(a->places, sizeof(*a->place));
	if (a->scratch == NULL || a->scratch_has == NULL || a->place == NULL)
		return -ENOMEM;
	return weir_policy_scratch_keep(a, &empty); /* SET_EMPTY: place 0 of the arena */
}

void weir_policy_arena_seal(struct arena *a)
{
	uint64_t *less = realloc(a->words, a->used * sizeof(*less));

	if (less != NULL) {
		a->words = less;
		a->room = a->used;
	}
	free(a->place);
	free(a->scratch);
	free(a->scratch_has);
	a->place = NULL;
	a->scratch = a->scratch_has = NULL;
	a->places = 0;
}

void weir_policy_arena_fini(struct arena *a)
{
	free(a->words);
	free(a->place);
	free(a->scratch);
	free(a->scratch_has);
	memset(a, 0, sizeof(*a));
}

void weir_policy_scratch_add_set(struct arena *a, set_t set)
{
	for (uint32_t has = 0; has < a->summary; has++) {
		uint64_t left = set_has(a, set, has);

		a->scratch_has[has] |= left;
		for (; left != 0; left &= left - 1) {
			const unsigned int word = (unsigned int)__builtin_ctzll(left);

			a->scratch[has * 64 + word] |= set_word(a, set, has, word);
		}
	}
}

void weir_policy_scratch_clear(struct arena *a)
{
	for (uint32_t has = 0; has < a->summary; has++) {
		uint64_t left = a->scratch_has[has];

		for (; left != 0; left &= left - 1)
			a->scratch[has * 64 + (unsigned int)__builtin_ctzll(left)] = 0;
		a->scratch_has[has] = 0;
	}
}

static int room_make(struct arena *a, size_t words)
{
	size_t room = a->room > 0 ? a->room : 4096;
	uint64_t *more;

	if (a->used + words > a->max)
		return -E2BIG;
	while (room < a->used + words)
		room *= 2;
	if (room == a->room)
		return 0;
	more = reallocarray(a->words, room, sizeof(*more));
	if (more == NULL)
		return -ENOMEM;
	a->words = more;
	a->room = room;
	return 0;
}

/* Write the scratch set behind the others; returns its length in words. */
static size_t put(struct arena *a)
{
	uint64_t *s = &a->words[a->used];
	uint32_t n = head_words(a);

	memset(s, 0, n * sizeof(*s));
	for (uint32_t has = 0; has < a->summary; has++) {
		uint64_t left = a->scratch_has[has];

		s[has] = left;
		memcpy((uint8_t *)(s + a->summary) + sizeof(n) * has, &n, sizeof(n));
		for (; left != 0; left &= left - 1)
			s[n++] = a->scratch[has * 64 + (unsigned int)__builtin_ctzll(left)];
	}
	return n;
}

static uint64_t hash(const uint64_t *s, size_t n)
{
	uint64_t h = n;

	for (size_t i = 0; i < n; i++)
		h = weir_mix(h ^ s[i], UINT64_C(0x9e3779b97f4a7c15)) ^ h << 7;
	return h;
}

static size_t length(const struct arena *a, set_t set)
{
	size_t n = head_words(a);

	for (uint32_t has = 0; has < a->summary; has++)
		n += (size_t)__builtin_popcountll(set_has(a, set, has));
	return n;
}

static int places_double(struct arena *a)
{
	const size_t places = 2 * a->places;
	uint32_t *more = calloc(places, sizeof(*more));

	if (more == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < a->places; i++) {
		size_t at;

		if (a->place[i] == 0)
			continue;
		at = hash(&a->words[a->place[i] - 1], length(a, a->place[i] - 1)) & (places - 1);
		while (more[at] != 0)
			at = (at + 1) & (places - 1);
		more[at] = a->place[i];
	}
	free(a->place);
	a->place = more;
	a->places = places;
	return 0;
}

int weir_policy_scratch_keep(struct arena *a, set_t *set)
{
	size_t words = head_words(a), n, at;
	int rc;

	for (uint32_t has = 0; has < a->summary; has++)
		words += (size_t)__builtin_popcountll(a->scratch_has[has]);
	rc = room_make(a, words);
	if (rc == 0 && 2 * a->taken >= a->places)
		rc = places_double(a);
	if (rc < 0)
		return rc;
	n = put(a);
	at = hash(&a->words[a->used], n) & (a->places - 1);
	for (; a->place[at] != 0; at = (at + 1) & (a->places - 1)) {
		*set = a->place[at] - 1;
		if (length(a, *set) == n &&
		    memcmp(&a->words[*set], &a->words[a->used], n * sizeof(*a->words)) == 0)
			return 0;
	}
	*set = (set_t)a->used;
	a->place[at] = *set + 1;
	a->taken++;
	a->used += n;
	return 0;
}
