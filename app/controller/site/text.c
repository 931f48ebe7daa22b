/* SPDX-License-Identifier: Apache-2.0 */
#include "text.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define SHORT_ID_LETTERS 10
#define CLUSTER_ID_MAX   60

static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

static bool follows(const char *p, size_t n, unsigned char least, unsigned char most)
{
	if ((unsigned char)p[1] < least || (unsigned char)p[1] > most)
		return false;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return false;
	return true;
}

/* Bytes at `p` that make one character (RFC 3629, 4); 0: none do. */
static size_t utf8_at(const char *p)
{
	const unsigned char c = (unsigned char)p[0];

	if (c < 0x80)
		return c != 0;
	if (c >= 0xc2 && c <= 0xdf)
		return follows(p, 2, 0x80, 0xbf) ? 2 : 0;
	if (c >= 0xe0 && c <= 0xef)
		return follows(p, 3, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf) ? 3 : 0;
	if (c >= 0xf0 && c <= 0xf4)
		return follows(p, 4, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf) ? 4 : 0;
	return 0;
}

int site_name_check(const char *kind, const char *name, struct weir_err *err)
{
	if (name == NULL || name[0] == '\0')
		return weir_err_set(err, EINVAL, "%s: it needs a name", kind);
	if (strlen(name) > SITE_NAME_MAX)
		return weir_err_set(err, EINVAL,
				    "%s: a name of %zu bytes is too long: at most %u are allowed",
				    kind, strlen(name), SITE_NAME_MAX);
	for (const char *p = name; *p != '\0'; p += utf8_at(p))
		if (utf8_at(p) == 0)
			return weir_err_set(
				err, EINVAL,
				"%s: byte %zu of its name is no UTF-8: send it in UTF-8", kind,
				(size_t)(p - name) + 1);
	return 0;
}

size_t site_text_clean(char *to, size_t size, const char *text)
{
	size_t used = 0;

	while (text != NULL && *text != '\0') {
		const size_t n = utf8_at(text);

		if (used + (n != 0 ? n : 1) >= size)
			break;
		if (n == 0) {
			to[used++] = '?';
			text++;
			continue;
		}
		memcpy(to + used, text, n);
		used += n;
		text += n;
	}
	to[used] = '\0';
	return used + 1;
}

static bool alphanumerics(const char *p, size_t least, size_t most)
{
	size_t n = 0;

	while (n <= most && isalnum((unsigned char)p[n]))
		n++;
	return p[n] == '\0' && n >= least && n <= most;
}

bool site_is_short_id(const char *id)
{
	return strncmp(id, "g-", 2) == 0 &&
	       alphanumerics(id + 2, SHORT_ID_LETTERS, SHORT_ID_LETTERS);
}

bool site_is_cluster_id(const char *id)
{
	return strncmp(id, "d-", 2) == 0 && alphanumerics(id + 2, 1, CLUSTER_ID_MAX);
}

static void random_bytes(uint8_t *p, size_t n)
{
	if (RAND_bytes(p, (int)n) != 1)
		abort(); /* the system has no randomness: no secret can be made */
}

void site_random_text(char *to, size_t n)
{
	const uint8_t limit = 256 / (sizeof(alphabet) - 1) * (sizeof(alphabet) - 1);
	uint8_t byte;

	for (size_t i = 0; i < n; i++) {
		do
			random_bytes(&byte, 1);
		while (byte >= limit); /* each letter is as likely as any other */
		to[i] = alphabet[byte % (sizeof(alphabet) - 1)];
	}
	to[n] = '\0';
}

void site_id_make(char id[13], char letter)
{
	id[0] = letter;
	id[1] = '-';
	site_random_text(id + 2, SHORT_ID_LETTERS);
}

static void uuid_text(char uuid[SITE_UUID_SIZE], uint8_t b[16], uint8_t version)
{
	char *p = uuid;

	b[6] = (uint8_t)((b[6] & 0x0f) | version << 4);
	b[8] = (b[8] & 0x3f) | 0x80;
	for (unsigned int i = 0; i < 16; i++)
		p += sprintf(p, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
}

void site_uuid_random(char uuid[SITE_UUID_SIZE])
{
	uint8_t b[16];

	random_bytes(b, sizeof(b));
	uuid_text(uuid, b, 4);
}

static void digest(uint8_t *to, const EVP_MD *md, const void *p, size_t n)
{
	if (EVP_Digest(p, n, to, NULL, md, NULL) != 1)
		abort(); /* only without memory */
}

void site_uuid_named(char uuid[SITE_UUID_SIZE], const char *name)
{
	/* 6ba7b812-9dad-11d1-80b4-00c04fd430c8 */
	static const uint8_t oid[16] = { 0x6b, 0xa7, 0xb8, 0x12, 0x9d, 0xad, 0x11, 0xd1,
					 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8 };
	uint8_t text[sizeof(oid) + SITE_NAME_MAX], sha[EVP_MAX_MD_SIZE];
	const size_t n = strnlen(name, SITE_NAME_MAX);

	memcpy(text, oid, sizeof(oid));
	memcpy(text + sizeof(oid), name, n);
	digest(sha, EVP_sha1(), text, sizeof(oid) + n);
	uuid_text(uuid, sha, 5);
}

void site_sha256_hex(char hex[65], const char *text)
{
	uint8_t sha[EVP_MAX_MD_SIZE];

	digest(sha, EVP_sha256(), text, strlen(text));
	for (unsigned int i = 0; i < 32; i++)
		sprintf(hex + (size_t)2 * i, "%02x", sha[i]);
}
