/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates and keys, read and looked at before they are used: gRPC takes any text, and says later only
 * that a handshake failed.
 */
#include <weir_cert.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX_BYTES ((size_t)1 << 20)

/* The whole of it, NUL-terminated whatever is returned: who frees a key wipes it first. */
static int read_into(char *text, size_t *n, const char *path, struct weir_err *err)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO is not waited for */
	FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;
	struct stat st;
	bool is_file;

	if (f == NULL) {
		const int code = errno;

		if (fd >= 0)
			close(fd);
		return weir_err_set(err, code, "%s: %s; it is needed for TLS", path,
				    strerror(code));
	}
	is_file = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	if (is_file)
		*n = fread(text, 1, FILE_MAX_BYTES + 1, f);
	is_file = is_file && ferror(f) == 0;
	fclose(f);
	text[*n] = '\0';
	return is_file ? 0 : weir_err_set(err, EIO, "%s: cannot be read as a file", path);
}

static int read_text(const char *path, char **text, struct weir_err *err)
{
	size_t n = 0;
	int rc;

	*text = malloc(FILE_MAX_BYTES + 2);
	if (*text == NULL)
		return weir_err_set(err, ENOMEM, "%s: no memory to read it", path);
	rc = read_into(*text, &n, path, err);
	if (rc != 0)
		return rc;
	if (n > FILE_MAX_BYTES)
		return weir_err_set(err, EFBIG, "%s: more than 1 MiB: no file of certificates",
				    path);
	if (strlen(*text) != n)
		return weir_err_set(err, EBADMSG,
				    "%s: not PEM, but binary; convert it: openssl x509 -inform DER",
				    path);
	return 0;
}

static void say_day(const ASN1_TIME *t, char day[32])
{
	struct tm tm = { 0 };

	ASN1_TIME_to_tm(t, &tm);
	strftime(day, 32, "%Y-%m-%d %H:%M:%S", &tm);
}

static int in_force(const char *path, const X509 *cert, struct weir_err *err)
{
	char day[32];

	if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0) {
		say_day(X509_get0_notAfter(cert), day);
		return weir_err_set(
			err, EKEYEXPIRED,
			"%s: the certificate expired on %s UTC; renew it, or set the clock", path,
			day);
	}
	if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0) {
		say_day(X509_get0_notBefore(cert), day);
		return weir_err_set(err, EKEYREJECTED,
				    "%s: the certificate counts from %s UTC on; set the clock",
				    path, day);
	}
	return 0;
}

/*
 * The first certificate of a text, which the caller frees. Of our own each has to be in force, of authorities
 * (`any`) one: bundles keep old ones.
 */
static int check_certificates(const char *path, const char *text, bool any, X509 **first,
			      struct weir_err *err)
{
	BIO *bio = BIO_new_mem_buf(text, -1);
	unsigned int good = 0, bad = 0;
	X509 *cert;
	int rc = 0;

	*first = NULL;
	while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		if (in_force(path, cert, bad == 0 ? err : NULL) == 0)
			good++;
		else
			bad++;
		if (*first == NULL)
			*first = cert;
		else
			X509_free(cert);
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		rc = weir_err_set(err, EBADMSG, "%s: a certificate in it is damaged: %s", path,
				  ERR_reason_error_string(ERR_peek_last_error()));
	else if (good == 0 && bad == 0)
		rc = weir_err_set(err, EBADMSG,
				  "%s: there is no certificate in it (-----BEGIN CERTIFICATE-----)",
				  path);
	else if (good == 0 || (bad > 0 && !any))
		rc = -EKEYREJECTED; /* said above */
	ERR_clear_error();
	BIO_free(bio);
	return rc;
}

static int check_key(const struct weir_cert_files *files, const char *text, const X509 *cert,
		     struct weir_err *err)
{
	char no_password[] = ""; /* else OpenSSL would ask at the terminal */
	BIO *bio = BIO_new_mem_buf(text, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, no_password);
	int rc = 0;

	if (key == NULL)
		rc = weir_err_set(
			err, EBADMSG,
			"%s: there is no private key in it, or one behind a password; give it without",
			files->key);
	else if (X509_check_private_key(cert, key) != 1)
		rc = weir_err_set(err, EKEYREJECTED,
				  "%s: the key does not belong to the first certificate in %s",
				  files->key, files->cert);
	ERR_clear_error();
	EVP_PKEY_free(key);
	BIO_free(bio);
	return rc;
}

static int read_own(const struct weir_cert_files *files, struct weir_cert_pem *pem,
		    struct weir_err *err)
{
	X509 *cert = NULL;
	int rc;

	rc = read_text(files->cert, &pem->cert, err);
	if (rc == 0)
		rc = check_certificates(files->cert, pem->cert, false, &cert, err);
	if (rc == 0)
		rc = read_text(files->key, &pem->key, err);
	if (rc == 0)
		rc = check_key(files, pem->key, cert, err);
	X509_free(cert);
	return rc;
}

int weir_cert_read(const struct weir_cert_files *files, struct weir_cert_pem *pem,
		   struct weir_err *err)
{
	X509 *ca = NULL;
	int rc = 0;

	*pem = (struct weir_cert_pem){ 0 };
	if ((files->cert == NULL) != (files->key == NULL))
		return weir_err_set(err, EINVAL, "%s: a certificate and its key come together",
				    files->cert != NULL ? files->cert : files->key);
	if (files->ca != NULL) {
		rc = read_text(files->ca, &pem->ca, err);
		if (rc == 0)
			rc = check_certificates(files->ca, pem->ca, true, &ca, err);
		X509_free(ca);
	}
	if (rc == 0 && files->cert != NULL)
		rc = read_own(files, pem, err);
	if (rc < 0)
		weir_cert_pem_free(pem);
	return rc;
}

void weir_cert_pem_free(struct weir_cert_pem *pem)
{
	free(pem->ca);
	free(pem->cert);
	if (pem->key != NULL)
		explicit_bzero(pem->key, strlen(pem->key));
	free(pem->key);
	*pem = (struct weir_cert_pem){ 0 };
}

int weir_cert_check(const struct weir_cert_files *files, struct weir_err *err)
{
	struct weir_cert_pem pem;
	int rc = weir_cert_read(files, &pem, err);

	weir_cert_pem_free(&pem);
	return rc;
}
