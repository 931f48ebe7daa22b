/* SPDX-License-Identifier: Apache-2.0 */
/* Names, ids and other texts that come from outside, or are made up here. */
#ifndef TEXT_H
#define TEXT_H

#include <weir_base.h>

#define SITE_NAME_MAX  256 /* bytes of a name */
#define SITE_UUID_SIZE 37  /* of a text, with its NUL */

/* 0, or -EINVAL: "KIND name: ...". Anything that is UTF-8 goes, and not too long. */
int site_name_check(const char *kind, const char *name, struct weir_err *err);

/* As much of `text` (may be NULL) as fits into `size`; what is no UTF-8 becomes '?'. The bytes used, with the NUL. */
size_t site_text_clean(char *to, size_t size, const char *text);

bool site_is_short_id(const char *id);   /* "g-" and ten alphanumerics */
bool site_is_cluster_id(const char *id); /* "d-" and alphanumerics */

/* "g-" or "d-" and ten alphanumerics at random. */
void site_id_make(char id[13], char letter);

void site_uuid_random(char uuid[SITE_UUID_SIZE]);
/* Version 5 of the name, in the space of OIDs. RFC 9562, 5.5. */
void site_uuid_named(char uuid[SITE_UUID_SIZE], const char *name);

void site_random_text(char *to, size_t n); /* n alphanumerics and a NUL */
void site_sha256_hex(char hex[65], const char *text);

#endif
