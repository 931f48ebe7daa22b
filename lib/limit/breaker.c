/* SPDX-License-Identifier: Apache-2.0 */
/* Control-plane specification, 3.2 global.circuit_breakers and 7.5. */
#include <weir_breaker.h>

#include <math.h>

#define RECOVER_NS  (300 * WEIR_NS_PER_S)
#define MARGIN      1.1 /* memory and disk are well again so far beyond their limit */
#define TX_SHARE    0.9
#define TX_PROBES   5
#define PERCENT_MAX 99 /* what a limit near all of it is well at: more is never free */
#define GB          1e9

static bool is_bad(const struct weir_breaker_conf *conf, double value)
{
	return conf->below ? value < conf->trip : value >= conf->trip;
}

/* Never while it is bad, also where `recover` lies on the wrong side of `trip`. */
static bool is_well(const struct weir_breaker_conf *conf, double value)
{
	if (is_bad(conf, value))
		return false;
	return conf->below ? value >= conf->recover : value < conf->recover;
}

static enum weir_breaker_event recover(struct weir_breaker *b)
{
	const bool was = b->tripped;

	b->tripped = false;
	b->well_ns = 0;
	return was ? WEIR_BREAKER_RECOVERED : WEIR_BREAKER_STAYS;
}

static enum weir_breaker_event trip(struct weir_breaker *b, uint64_t now_ns)
{
	b->tripped = true;
	b->well_ns = 0;
	b->since_ns = now_ns;
	b->trips++;
	return WEIR_BREAKER_TRIPPED;
}

enum weir_breaker_event weir_breaker_feed(struct weir_breaker *b,
					  const struct weir_breaker_conf *conf, double value,
					  uint64_t now_ns)
{
	if (conf->trip <= 0)
		return recover(b);
	if (!b->tripped)
		return !isnan(value) && is_bad(conf, value) ? trip(b, now_ns) : WEIR_BREAKER_STAYS;
	if (isnan(value) || !is_well(conf, value)) {
		b->well_ns = 0;
		return WEIR_BREAKER_STAYS;
	}
	if (b->well_ns == 0)
		b->well_ns = now_ns;
	return now_ns - b->well_ns >= conf->hold_ns ? recover(b) : WEIR_BREAKER_STAYS;
}

uint64_t weir_breaker_recovers_ns(const struct weir_breaker *b,
				  const struct weir_breaker_conf *conf)
{
	return b->tripped && b->well_ns != 0 ? b->well_ns + conf->hold_ns : 0;
}

struct weir_breaker_conf weir_breaker_of_load(double trip_at, double recover_below)
{
	return (struct weir_breaker_conf){ .trip = recover_below > 0 ? trip_at : 0,
					   .recover = recover_below,
					   .hold_ns = RECOVER_NS };
}

struct weir_breaker_conf weir_breaker_of_memory(uint32_t percent)
{
	const double well = percent * MARGIN;

	return (struct weir_breaker_conf){ .below = true,
					   .trip = percent,
					   .recover = well < PERCENT_MAX ? well : PERCENT_MAX,
					   .hold_ns = RECOVER_NS };
}

struct weir_breaker_conf weir_breaker_of_disk(uint32_t percent, uint32_t gb)
{
	return (struct weir_breaker_conf){ .below = true,
					   .trip = percent > 0 || gb > 0 ? 1 : 0,
					   .recover = MARGIN };
}

struct weir_breaker_conf weir_breaker_of_tx(uint32_t mbps, uint32_t distributed,
					    uint64_t interval_ns)
{
	/* Where what is distributed may be more than all, what others send says nothing: all has to fall. */
	const double rest = mbps > distributed ? mbps - distributed : mbps;

	return (struct weir_breaker_conf){ .trip = mbps,
					   .recover = rest * TX_SHARE,
					   .hold_ns = (TX_PROBES - 1) * interval_ns };
}

double weir_breaker_disk_measure(uint64_t free_bytes, uint64_t all_bytes, uint32_t percent,
				 uint32_t gb)
{
	const double of_percent = percent > 0 && all_bytes > 0
					  ? 100.0 * (double)free_bytes / (double)all_bytes / percent
					  : INFINITY;
	const double of_gb = gb > 0 ? (double)free_bytes / GB / gb : INFINITY;

	return of_percent < of_gb ? of_percent : of_gb;
}
