/* SPDX-License-Identifier: Apache-2.0 */
/* Where packets went: one JSON object for programs, a waterfall for people. */
#include "agent.h"

#include <inttypes.h>

static void print_json_string(FILE *out, const char *s)
{
	fputc('"', out);
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			fprintf(out, "\\%c", *s);
		else if ((unsigned char)*s < 0x20)
			fprintf(out, "\\u%04x", *s);
		else
			fputc(*s, out);
	}
	fputc('"', out);
}

void accounting_print_json(FILE *out, const char *file, const struct weir_accounting *a,
			   bool missed_known, uint64_t missed)
{
	fputs("{\"file\":", out);
	print_json_string(out, file);
	fprintf(out, ",\"received\":%" PRIu64, a->received);
	if (missed_known)
		fprintf(out, ",\"missed\":%" PRIu64, missed);
	else
		fputs(",\"missed\":null", out);
	fputs(",\"outcomes\":{", out);
	for (int i = 0; i < WEIR_OUTCOMES; i++)
		fprintf(out, "%s\"%s\":%" PRIu64, i > 0 ? "," : "", weir_outcomes[i].name,
			a->outcomes[i]);
	fprintf(out, "},\"late\":%" PRIu64 "}\n", a->late);
}

uint64_t accounting_lost(const struct weir_accounting *a)
{
	const int64_t gap = weir_accounting_gap(a);
	uint64_t lost = (uint64_t)(gap < 0 ? -gap : gap);

	for (int i = 0; i < WEIR_OUTCOMES; i++)
		if (weir_outcomes[i].loss)
			lost += a->outcomes[i];
	return lost;
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static void print_flows(FILE *out, const struct weir_flow_counters *f)
{
	fprintf(out, "  flows    %14" PRIu64 "  in %" PRIu64 " records\n", f->closed, f->reports);
	if (f->evicted_half_open + f->evicted_one_way + f->evicted_idle > 0)
		fprintf(out,
			"           %14" PRIu64 "  ended early, the table was full: %" PRIu64
			" half-open, %" PRIu64 " one-way, %" PRIu64
			" idle; flow.capacity in the box configuration raises it\n",
			f->evicted_half_open + f->evicted_one_way + f->evicted_idle,
			f->evicted_half_open, f->evicted_one_way, f->evicted_idle);
	if (f->ext_exhausted > 0)
		fprintf(out,
			"           %14" PRIu64
			"  details left out; flow.extension_share in the box "
			"configuration raises their room\n",
			f->ext_exhausted);
	if (f->records_lost > 0)
		fprintf(out,
			"           %14" PRIu64 "  records lost, the collector was too slow; "
			"rings.records in the box configuration gives it time\n",
			f->records_lost);
}

static void print_shortage(FILE *out, uint64_t n, const char *what)
{
	if (n > 0)
		fprintf(out, "           %14" PRIu64 "  %s\n", n, what);
}

static void print_shortages(FILE *out, const struct weir_pipe *pipe)
{
	struct weir_pipe_shortages s;

	weir_pipe_shortages(pipe, &s);
	print_shortage(out, s.fragments,
		       "fragments counted without their ports: too many datagrams at once");
	print_shortage(out, s.hints,
		       "hints of which side is the server left out: too many new servers at once");
	print_shortage(out, s.dedup,
		       "packets forgotten before dedup.window_ms was over: copies of them count");
}

void accounting_print(FILE *out, const struct weir_accounting *a, const struct weir_pipe *pipe)
{
	struct weir_flow_counters f;

	weir_pipe_flow_counters(pipe, &f);
	fprintf(out, "  received %14" PRIu64 "  packets", a->received);
	if (a->late > 0)
		fprintf(out, ", %" PRIu64 " of them behind a newer one", a->late);
	fputc('\n', out);
	for (int i = 0; i < WEIR_OUTCOMES; i++) {
		if (a->outcomes[i] == 0)
			continue;
		fprintf(out, "  %-12s%11" PRIu64 " %5.1f %%  %s%s%s\n", weir_outcomes[i].name,
			a->outcomes[i], percent(a->outcomes[i], a->received), weir_outcomes[i].help,
			weir_outcomes[i].remedy[0] != '\0' ? ": " : "", weir_outcomes[i].remedy);
	}
	if (weir_accounting_gap(a) != 0)
		fprintf(out, "  unaccounted %11" PRId64 "  a defect of weir: please report it\n",
			weir_accounting_gap(a));
	print_flows(out, &f);
	print_shortages(out, pipe);
}
