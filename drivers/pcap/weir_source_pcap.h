/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capture files as a source: pcap and pcapng in all their dialects, also gzip-compressed, one file or
 * thousands as one stream in time order, as fast as they are taken, paced, or looped. Lossless:
 * what the reader of frames does not take waits in the file.
 */
#ifndef WEIR_SOURCE_PCAP_H
#define WEIR_SOURCE_PCAP_H

#include <weir_rt.h>

struct weir_pcap_options {
	const char *const *paths; /* files, copied; a directory is for weir_pcap_files_find() */
	size_t n_paths;
	double speed;  /* 0 = flat out, 1 = as recorded, N = N times as fast */
	uint32_t loop; /* 1 = once, N = N times, 0 = for ever */
};

/*
 * Make a source of these files. Each later round of `loop` is the first one moved by the span of all
 * packets plus their mean gap, so that time goes on.
 *
 * open() reads the start of every file: one that is missing, empty or no capture is refused by name
 * (-ENOENT, -ENODATA, -EINVAL ...). A file damaged further on delivers its packets up to there, the
 * next files follow, and `fault` names the first such file, the byte and what is wrong.
 *
 * rx() returns 0 after at most about 1 ms when nothing is due or all memory is lent out; done() may
 * be called by any thread. NULL with `err` on invalid options. Control thread.
 */
struct weir_source *weir_source_pcap_create(const struct weir_pcap_options *o,
					    struct weir_err *err);

struct weir_pcap_files {
	char **paths; /* sorted */
	size_t n;
};

/*
 * Find the captures that `args` mean: files as they are, directories with all below them, except
 * hidden names. What is no capture is skipped with a line in the log when it was found in a
 * directory, and refused when it was named; what cannot be read is refused either way. `out` is
 * filled for weir_pcap_files_free(); nothing is in it on failure. Control thread.
 */
int weir_pcap_files_find(struct weir_pcap_files *out, const char *const *args, size_t n,
			 struct weir_err *err);
void weir_pcap_files_free(struct weir_pcap_files *files);

#endif
