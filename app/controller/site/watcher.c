/* SPDX-License-Identifier: Apache-2.0 */
/* Which agent watches a cluster. Control plane, 4.8. */
#include "site_priv.h"

#include <stdio.h>

static void watcher_set(struct site *s, struct domain *d, const char *key)
{
	weir_log_about(WEIR_LOG_INFO, "domain", d->pub.name, "watched by %s%s",
		       key[0] != '\0' ? key : "nobody",
		       d->watcher[0] != '\0' && key[0] != '\0' ? ", another than before" : "");
	snprintf(d->watcher, sizeof(d->watcher), "%s", key);
	s->domains_dirty = true;
}

bool site_watcher_elect(struct site *s, struct domain *d, const char *key,
			const struct site_hello *hello)
{
	const bool takes_over = hello->force_watch || hello->watch_policy == 1; /* WATCH_ONLY */

	if (strcmp(d->watcher, key) != 0) {
		if (d->watcher[0] != '\0' && !takes_over)
			return false;
		watcher_set(s, d, key);
	}
	d->watcher_ns = weir_clock_mono_ns();
	return true;
}

void site_watcher_clear(struct site *s, const char *key)
{
	struct domain *d;

	TAILQ_FOREACH(d, &s->domains, link)
		if (strcmp(d->watcher, key) == 0)
			watcher_set(s, d, "");
}

void site_watchers_judge(struct site *s, uint64_t now_ns)
{
	struct domain *d;

	TAILQ_FOREACH(d, &s->domains, link)
		if (d->watcher[0] != '\0' && now_ns - d->watcher_ns > WATCHER_S * WEIR_NS_PER_S)
			watcher_set(s, d, "");
}
